//! `resources/list`, `resources/read` and `resources/templates/list`: the widget under its two addresses.
//!
//! Invariant: a URI is compared as a whole with the known ones; it is never used as a path.

use super::era::Era;
use super::fault::Fault;
use super::result_meta::{Cache, tail};
use crate::domain::merchant::MerchantView;
use crate::protocol::apps::widget::{self, Widget};

/// The result of `resources/list`.
#[must_use]
pub(super) fn list(era: Era, view: &MerchantView) -> String {
    let entries: Vec<String> =
        Widget::ALL.iter().map(|widget| widget::entry(*widget, view).to_string()).collect();
    format!(r#"{{"resources":[{}]{}"#, entries.join(","), tail(era, Cache::List, ""))
}

/// The result of `resources/templates/list`: there are none, but the method answers (the caching rules query it).
#[must_use]
pub(super) fn templates(era: Era) -> String {
    format!(r#"{{"resourceTemplates":[]{}"#, tail(era, Cache::List, ""))
}

/// The result of `resources/read` in three parts, the middle one shared by every merchant.
pub(super) fn read(era: Era, uri: &str, view: &MerchantView) -> Result<[String; 2], Fault> {
    let Some(widget) = Widget::find(uri) else {
        return Err(Fault::Resource { uri: uri.to_owned() });
    };
    let (head, end) = widget::contents(widget, view);
    Ok([format!(r#"{{"contents":[{head}"#), format!("{end}]{}", tail(era, Cache::List, ""))])
}

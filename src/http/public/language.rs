//! The language of a shop's page.

use actix_web::HttpRequest;
use actix_web::http::header::{AcceptLanguage, Header as _};

use crate::domain::language::Language;
use crate::domain::merchant::MerchantView;

/// The language that the browser prefers among those with texts, else the merchant's.
pub(super) fn of(request: &HttpRequest, view: &MerchantView) -> Language {
    let wanted = AcceptLanguage::parse(request).map(|accepted| accepted.ranked()).unwrap_or_default();
    let known = wanted.iter().filter_map(|preference| Language::of_tag(&preference.to_string()));
    known.into_iter().next().unwrap_or(view.language)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_best_liked_language_that_has_texts_is_taken() {
        for (header, language) in [
            ("de-AT,de;q=0.9,en;q=0.8", Some(Language::German)),
            ("fr-FR, en;q=0.3, de;q=0.7", Some(Language::German)),
            ("en-GB", Some(Language::English)),
            ("fr", None),
            ("*", None),
            ("", None),
            ("not a header ;;;", None),
        ] {
            let request = TestRequest::default().insert_header(("accept-language", header)).to_http_request();
            let wanted =
                AcceptLanguage::parse(&request).map(|accepted| accepted.ranked()).unwrap_or_default();
            let found = wanted.iter().find_map(|preference| Language::of_tag(&preference.to_string()));
            assert_eq!(found, language, "{header}");
        }
    }
}

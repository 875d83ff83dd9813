//! Listings of one account, read page by page (Stripe's cursor pagination, `starting_after`).
//!
//! Invariant: a listing that was not read to its end never counts as complete.

use serde::de::DeserializeOwned;

use super::StripeAccount;
use super::answers::{Identified, List};
use super::observation::Noted;
use super::seller::Window;
use super::transport::Reply;

/// The most pages of a listing that are read: 20 000 payments of one account.
pub(super) const MOST_PAGES: u32 = 200;

/// How many times one page of a long listing is requested.
const PAGE_TRIES: u32 = 3;

/// A listing: its path, its filters and its limits.
pub(super) struct Listed<'a> {
    pub(super) path: &'a str,
    /// The filters of the query.
    pub(super) wanted: &'a [(&'a str, &'a str)],
    /// The most pages that are read.
    pub(super) most: u32,
    /// How many times each page is requested.
    pub(super) tries: u32,
}

impl StripeAccount {
    /// All objects of a kind that were created within a time and that `keep` accepts, the oldest first. The listing
    /// is read to its end, however long it is; the request for a page that fails is repeated.
    pub(super) async fn made_within<T>(
        &self,
        path: &str,
        within: Window,
        keep: impl Fn(&T) -> bool + Send + Sync,
    ) -> Result<Vec<T>, Noted>
    where
        T: DeserializeOwned + Identified + Send,
    {
        let (from, to) = (within.from.as_seconds().to_string(), (within.to.as_seconds() + 1).to_string());
        let wanted = [("created[gte]", from.as_str()), ("created[lte]", to.as_str())];
        let listed = Listed { path, wanted: &wanted, most: u32::MAX, tries: PAGE_TRIES };
        Ok(self.every(&listed, keep).await?.0)
    }

    /// All objects of a listing that `keep` accepts, the oldest first, with the last answer; else why the listing was
    /// not read to its end. If the clocks differ, its times are not reliable, and it fails.
    pub(super) async fn every<T>(
        &self,
        listed: &Listed<'_>,
        keep: impl Fn(&T) -> bool + Send + Sync,
    ) -> Result<(Vec<T>, Reply), Noted>
    where
        T: DeserializeOwned + Identified + Send,
    {
        let mut found: Vec<T> = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..listed.most {
            let (List { data, has_more }, reply) = self.page_of::<T>(listed, after.as_deref()).await?;
            let last = data.last().map(|last| last.id().to_owned());
            found.extend(data.into_iter().filter(&keep));
            if !has_more {
                found.reverse();
                return Ok((found, reply));
            }
            // Stripe says that there are more objects, and gives none to continue from: this is not a complete
            // reading.
            if last.is_none() || last == after {
                break;
            }
            after = last;
        }
        let cause = Some("the listing did not come to its end".to_owned());
        Err(Noted { cause, ..Noted::default() })
    }

    /// The page of the listing that follows `after`.
    async fn page_of<T: DeserializeOwned>(
        &self,
        listed: &Listed<'_>,
        after: Option<&str>,
    ) -> Result<(List<T>, Reply), Noted> {
        let behind = after.map(|after| ("starting_after", after));
        let query: Vec<(&str, &str)> =
            listed.wanted.iter().copied().chain([("limit", "100")]).chain(behind).collect();
        let mut noted = Noted::default();
        for _ in 0..listed.tries {
            let reply = match self.get(listed.path, &query).await {
                Ok(reply) => reply,
                Err(error) => {
                    noted = (&error).into();
                    continue;
                }
            };
            if reply.status == 200
                && reply.clock_agrees
                && let Some(list) = reply.json::<List<T>>()
            {
                return Ok((list, reply));
            }
            noted = Noted::of(&reply);
        }
        Err(noted)
    }
}

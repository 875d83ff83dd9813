//! Who is paid into which Stripe account.
//!
//! Invariant: of two merchants whose keys open one account, the later one to learn it takes no payments, unless both files
//! say that it is meant so.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::domain::ids::{AccountId, MerchantId};

/// The accounts that are known in this process, each with its merchants.
#[derive(Debug, Default)]
pub struct Payees(Mutex<BTreeMap<AccountId, Vec<Payee>>>);

#[derive(Debug)]
struct Payee {
    merchant: MerchantId,
    shares: bool,
}

/// An account that another merchant is paid into.
#[derive(Debug, thiserror::Error)]
#[error(
    "the key opens the Stripe account {account}, which the merchant {holder} is paid into; give each merchant an account of \
     its own, or write shared_account = true below [stripe] in both files"
)]
pub(super) struct AccountTaken {
    account: AccountId,
    holder: MerchantId,
}

impl Payees {
    /// Notes that a merchant is paid into an account, or says who is already.
    pub(super) fn claim(
        &self,
        account: &AccountId,
        merchant: &MerchantId,
        shares: bool,
    ) -> Result<(), AccountTaken> {
        let mut accounts = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let payees = accounts.entry(account.clone()).or_default();
        if payees.iter().any(|payee| payee.merchant == *merchant) {
            return Ok(());
        }
        if let Some(other) = payees.iter().find(|payee| !(payee.shares && shares)) {
            return Err(AccountTaken { account: account.clone(), holder: other.merchant.clone() });
        }
        payees.push(Payee { merchant: merchant.clone(), shares });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_merchants_on_one_account_the_later_is_refused_unless_both_share_it() {
        let account: AccountId = "acct_1".parse().unwrap();
        for (first, second, fine) in
            [(false, false, false), (true, false, false), (false, true, false), (true, true, true)]
        {
            let payees = Payees::default();
            let claim = |id: &str, shares| payees.claim(&account, &id.parse().unwrap(), shares);
            assert!(claim("a", first).is_ok());
            let told = claim("b", second);
            assert_eq!(told.is_ok(), fine, "{first} {second}");
            if let Err(told) = told {
                assert!(
                    told.to_string().contains("acct_1") && told.to_string().contains("merchant a "),
                    "{told}"
                );
            }
            assert!(claim("a", first).is_ok(), "a merchant may learn its account again");
        }
    }
}

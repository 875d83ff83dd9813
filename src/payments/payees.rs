//! The merchants that receive payments in each Stripe account.
//!
//! Invariants: of two merchants whose keys belong to one account, the later one takes no payments, unless both files
//! allow it. An account that Stripe confirmed takes precedence over one that only a file names, whichever came first;
//! the merchant that loses the account is notified.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::ids::{AccountId, MerchantId, Mode, Tenant};

/// The known accounts of this process, each with its merchants.
#[derive(Debug, Default)]
pub struct Payees(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Test mode and live mode of an account are apart.
    accounts: BTreeMap<(AccountId, Mode), Vec<Payee>>,
    watches: BTreeMap<Tenant, Watch>,
}

/// A merchant that receives payments in an account.
#[derive(Clone, Debug)]
pub struct Payee {
    pub tenant: Tenant,
    /// Whether another merchant may receive payments in the same account.
    pub shares: bool,
    /// Whether Stripe itself confirmed the account of its key, and not only its file.
    pub verified_by_stripe: bool,
}

/// Notifies a merchant that it has lost its account; it must not wait.
struct Watch(Box<dyn Fn(AccountTaken) + Send>);

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

/// An account in which another merchant receives payments.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "the merchant {holder} is paid into the Stripe account {account}; give each merchant an account of its own, or write \
     shared_account = true below [stripe] in both files"
)]
pub(crate) struct AccountTaken {
    account: AccountId,
    holder: MerchantId,
}

impl Payees {
    /// Records a merchant's remembered account, unless another merchant has the account.
    pub fn remember(&self, account: &AccountId, payee: Payee) {
        // A merchant that comes too late is notified when its account is verified.
        let _: Result<(), AccountTaken> = self.claim(account, payee);
    }

    /// Records that a merchant receives payments in an account, or returns the merchant that already does.
    pub(crate) fn claim(&self, account: &AccountId, payee: Payee) -> Result<(), AccountTaken> {
        let mut known = self.known();
        let Known { accounts, watches } = &mut *known;
        let payees = accounts.entry((account.clone(), payee.tenant.mode)).or_default();
        if let Some(own) = payees.iter_mut().find(|own| own.tenant == payee.tenant) {
            own.verified_by_stripe |= payee.verified_by_stripe;
            return Ok(());
        }
        let split = |other: &Payee| !(other.shares && payee.shares);
        if let Some(other) = payees
            .iter()
            .find(|other| split(other) && (other.verified_by_stripe || !payee.verified_by_stripe))
        {
            return Err(AccountTaken { account: account.clone(), holder: other.tenant.merchant.clone() });
        }
        for other in payees.extract_if(.., |other| split(other)) {
            if let Some(Watch(notify)) = watches.get(&other.tenant) {
                notify(AccountTaken { account: account.clone(), holder: payee.tenant.merchant.clone() });
            }
        }
        payees.push(payee);
        Ok(())
    }

    /// Notifies this function when the merchant loses its account.
    pub(crate) fn subscribe(&self, tenant: Tenant, notify: impl Fn(AccountTaken) + Send + 'static) {
        self.known().watches.insert(tenant, Watch(Box::new(notify)));
    }

    /// The merchant no longer receives payments in an account.
    pub(crate) fn release(&self, tenant: &Tenant, account: &AccountId) {
        if let Some(payees) = self.known().accounts.get_mut(&(account.clone(), tenant.mode)) {
            payees.retain(|payee| payee.tenant != *tenant);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn tenant(id: &str) -> Tenant {
        Tenant { merchant: id.parse().unwrap(), mode: Mode::Test }
    }

    fn payee(id: &str, shares: bool, verified_by_stripe: bool) -> Payee {
        Payee { tenant: tenant(id), shares, verified_by_stripe }
    }

    #[test]
    fn a_shop_and_its_test_twin_may_have_one_account() {
        let account: AccountId = "acct_1".parse().unwrap();
        let payees = Payees::default();
        assert!(payees.claim(&account, payee("a-test", false, true)).is_ok());
        let live = Tenant { mode: Mode::Live, ..tenant("a") };
        let live = Payee { tenant: live, shares: false, verified_by_stripe: true };
        assert!(payees.claim(&account, live).is_ok());
        assert!(payees.claim(&account, payee("a", false, true)).is_err());
    }

    #[test]
    fn a_second_merchant_on_an_account_is_refused_unless_both_share() {
        let account: AccountId = "acct_1".parse().unwrap();
        for (first, second, fine) in
            [(false, false, false), (true, false, false), (false, true, false), (true, true, true)]
        {
            let payees = Payees::default();
            let claim = |id: &str, shares| payees.claim(&account, payee(id, shares, true));
            assert!(claim("a", first).is_ok());
            let told = claim("b", second);
            assert_eq!(told.is_ok(), fine, "{first} {second}");
            if let Err(told) = told {
                let told = told.to_string();
                assert!(told.contains("acct_1") && told.contains("merchant a "), "{told}");
            }
            assert!(claim("a", first).is_ok(), "a merchant may learn its account again");
        }
    }

    #[test]
    fn a_verified_payee_displaces_a_configured_one_and_notifies_it() {
        let account: AccountId = "acct_1".parse().unwrap();
        let (payees, told) = (Payees::default(), Arc::new(Mutex::new(Vec::new())));
        payees.subscribe(tenant("a"), {
            let told = Arc::clone(&told);
            move |taken| told.lock().unwrap().push(taken.to_string())
        });
        assert!(payees.claim(&account, payee("a", false, false)).is_ok());
        assert!(
            payees.claim(&account, payee("b", false, false)).is_err(),
            "the file of another says no more"
        );
        assert!(payees.claim(&account, payee("b", false, true)).is_ok());
        let told = std::mem::take(&mut *told.lock().unwrap());
        assert!(told.len() == 1 && told[0].contains("merchant b "), "{told:?}");
        assert!(payees.claim(&account, payee("a", false, false)).is_err());
        assert!(
            payees.claim(&account, payee("a", false, true)).is_err(),
            "of two that are proved, the first"
        );
        payees.release(&tenant("b"), &account);
        assert!(payees.claim(&account, payee("a", false, false)).is_ok());
    }

    #[test]
    fn a_merchant_that_leaves_an_account_keeps_its_other_account() {
        let [former, present] = ["acct_1", "acct_2"].map(|id| id.parse::<AccountId>().unwrap());
        let payees = Payees::default();
        for account in [&former, &present] {
            assert!(payees.claim(account, payee("a", false, true)).is_ok());
        }
        payees.release(&tenant("a"), &former);
        assert!(payees.claim(&former, payee("b", false, true)).is_ok());
        assert!(payees.claim(&present, payee("b", false, true)).is_err());
    }
}

//! An agent's wallet whose owner takes half an hour to approve, in virtual time: over HTTP, with a clock that the test moves.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use merchant_gateway::actors::Arbiters;
use merchant_gateway::domain::checkout::model::{Command, Patch, Session};
use merchant_gateway::domain::merchant::MerchantView;
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::http::public::{PublicSettings, serve};
use merchant_gateway::ports::ManualClock;
use serde_json::Value;
use test_support::model_stripe::Card;
use test_support::shop;

use super::faults::FaultSchedule;
use super::harness::{ActorHarness, Outside, Rows, setup};
use super::seller::ModelSellers;
use crate::support::wallet::{authorization, challenge, credential};

const HOST: &str = "shop.localhost";

/// A shop that is open at an address, and whose time the test decides.
struct OpenShop {
    harness: ActorHarness,
    clock: Arc<ManualClock>,
    address: SocketAddr,
    http: reqwest::Client,
}

/// An answer: its status, its challenge where it has one, and its body.
struct Told {
    status: u16,
    challenge: Option<Value>,
    body: Value,
}

impl Told {
    fn challenge(&self) -> &Value {
        self.challenge.as_ref().expect("a challenge")
    }

    fn says(&self, what: &str) -> bool {
        self.body.to_string().contains(what)
    }
}

fn view() -> MerchantView {
    let mut view = shop::view();
    view.checkout.quote_ttl = Span::minutes(45);
    view
}

impl OpenShop {
    #[expect(clippy::disallowed_methods, reason = "a test's own client")]
    fn open() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(1_800_000_000)));
        let faults = Arc::new(FaultSchedule::calm());
        let stripe = ModelSellers::new(Arc::clone(&faults), clock.clone());
        let outside = Outside { faults, clock: clock.clone(), stripe, seed: 1 };
        let harness = ActorHarness::start(&Arbiters::on_this_thread(), outside, &[view()], Rows::default());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let settings = PublicSettings {
            base_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            max_body: 65_536,
            workers: 1,
            grace_seconds: 1,
        };
        let directory = Arc::clone(&harness.directory);
        actix_web::rt::spawn(serve(listener, directory, settings, clock.clone()).unwrap());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { harness, clock, address, http }
    }

    fn pass(&self, minutes: i64) {
        self.clock.advance(Span::minutes(minutes));
    }

    async fn ask(&self, session: &Session, command: Command) -> Session {
        self.harness.merchants[0].ask(&session.id, command).await.unwrap().session
    }

    /// Asks at the wallet's address of a checkout, or pays there.
    async fn wallet(&self, session: &Session, sent: Option<&Value>) -> Told {
        let present = self.harness.merchants[0].ask(&session.id, Command::Read).await.unwrap();
        let link = present.wallet_address.clone().expect("wallets pay");
        let path = link.strip_prefix(&format!("https://{HOST}")).unwrap();
        let mut request = self.http.get(format!("http://{}{path}", self.address)).header("host", HOST);
        if let Some(sent) = sent {
            request = request.header("authorization", authorization(sent));
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let challenge = (status == 402).then(|| challenge(answer.headers()));
        Told { status, challenge, body: answer.json().await.unwrap() }
    }

    /// Pays with a token for the total of the challenge.
    async fn pay(&self, session: &Session, challenge: &Value, token: &str) -> Told {
        let total = session.quote().unwrap().total;
        self.harness.grant(self.harness.merchants[0].tenant(), token, (Card::Pays, total));
        self.wallet(session, Some(&credential(challenge, token))).await
    }

    fn charges(&self, session: &Session) -> usize {
        self.harness.paid(self.harness.merchants[0].tenant(), &session.id).len()
    }
}

/// Everything of a challenge that a wallet holds its owner's approval against.
fn approved(challenge: &Value) -> Value {
    let mut rest = challenge.clone();
    for changes in ["id", "expires"] {
        rest.as_object_mut().unwrap().remove(changes);
    }
    rest
}

fn in_virtual_time(work: impl Future<Output = ()>) {
    actix_web::rt::System::new().block_on(work);
}

#[test]
fn an_approval_of_29_minutes_between_two_probes_is_paid() {
    in_virtual_time(async {
        let shop = OpenShop::open();
        let session = shop.harness.ready().await;
        let first = shop.wallet(&session, None).await;
        shop.pass(29);
        let second = shop.wallet(&session, None).await;
        assert_eq!(approved(second.challenge()), approved(first.challenge()));
        let paid = shop.pay(&session, second.challenge(), "spt_approved1").await;
        assert_eq!(paid.status, 200, "{}", paid.body);
        assert_eq!(shop.charges(&session), 1);
        // A day later the same credential still hears of the order, and charges nothing.
        shop.pass(24 * 60);
        let again = shop.wallet(&session, Some(&credential(second.challenge(), "spt_approved1"))).await;
        assert_eq!((again.status, &again.body), (200, &paid.body));
        assert_eq!(shop.charges(&session), 1);
    });
}

#[test]
fn an_equal_quote_made_during_the_approval_leaves_it_valid() {
    in_virtual_time(async {
        let shop = OpenShop::open();
        let session = shop.harness.ready().await;
        let first = shop.wallet(&session, None).await;
        shop.pass(20);
        let update = Command::Update { revision: Some(session.revision), patch: Patch::default() };
        let requoted = shop.ask(&session, update).await;
        shop.pass(28);
        // The first quote has ended meanwhile; the second one is paid.
        let late = shop.pay(&requoted, first.challenge(), "spt_first0001").await;
        assert!(late.status == 402 && late.says("payment-expired"), "{}", late.body);
        let second = shop.wallet(&requoted, None).await;
        assert_eq!(approved(second.challenge()), approved(first.challenge()));
        let paid = shop.pay(&requoted, second.challenge(), "spt_first0001").await;
        assert_eq!(paid.status, 200, "{}", paid.body);
        assert_eq!(shop.charges(&session), 1);
    });
}

#[test]
fn a_price_that_changed_meanwhile_is_told_and_charges_nothing() {
    in_virtual_time(async {
        let shop = OpenShop::open();
        let session = shop.harness.ready().await;
        let first = shop.wallet(&session, None).await;
        let mut dearer = view();
        dearer.generation = 2;
        dearer.shipping = vec![shop::shipping("standard", 900)];
        assert!(shop.harness.directory.apply(&setup(&dearer)).await);
        shop.pass(10);
        // What was shown is honoured until somebody asks for a new price.
        assert_eq!(shop.wallet(&session, None).await.challenge(), first.challenge());
        let update = Command::Update { revision: Some(session.revision), patch: Patch::default() };
        let requoted = shop.ask(&session, update).await;
        assert_eq!(requoted.quote().unwrap().total.minor, session.quote().unwrap().total.minor + 400);

        let old = shop.pay(&session, first.challenge(), "spt_oldprice1").await;
        assert!(
            old.status == 402 && old.says("invalid-challenge") && old.says("Nothing was charged"),
            "{}",
            old.body
        );
        assert_ne!(approved(old.challenge()), approved(first.challenge()), "the new price is told");
        assert_eq!(shop.charges(&session), 0);
        let paid = shop.pay(&requoted, old.challenge(), "spt_newprice1").await;
        assert_eq!(paid.status, 200, "{}", paid.body);
        assert_eq!(shop.charges(&session), 1);
    });
}

#[test]
fn a_quote_that_expired_is_told_until_it_is_renewed() {
    in_virtual_time(async {
        let shop = OpenShop::open();
        let session = shop.harness.ready().await;
        let first = shop.wallet(&session, None).await;
        shop.pass(45);
        for told in
            [shop.wallet(&session, None).await, shop.pay(&session, first.challenge(), "spt_late00001").await]
        {
            assert!(told.status == 409 && told.says("update_checkout"), "{}", told.body);
        }
        assert_eq!(shop.charges(&session), 0);
        let update = Command::Update { revision: Some(session.revision), patch: Patch::default() };
        let requoted = shop.ask(&session, update).await;
        let second = shop.wallet(&requoted, None).await;
        assert_eq!(shop.pay(&requoted, second.challenge(), "spt_late00001").await.status, 200);
        assert_eq!(shop.charges(&session), 1);
        // A checkout that nobody paid in time has ended.
        let other = shop.harness.ready().await;
        shop.pass(120);
        let ended = shop.wallet(&other, None).await;
        assert_eq!(ended.status, 410, "{}", ended.body);
    });
}

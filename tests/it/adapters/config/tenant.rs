//! One merchant's file.

use std::path::Path;

use merchant_gateway::config::tenant::{TenantConfig, parse_tenant};
use merchant_gateway::config::tenants_dir::read_tenant;
use merchant_gateway::domain::channels::MethodsForm;
use merchant_gateway::domain::ids::{AccountId, Mode};
use merchant_gateway::domain::merchant::{PaymentMethod, RiskPolicy};
use merchant_gateway::domain::money::Rate;
use merchant_gateway::domain::origin::AgentName;
use merchant_gateway::domain::tax::TaxRule;
use merchant_gateway::domain::time::Span;

use super::{SHOP, shown};

fn parse(text: &str) -> Result<TenantConfig, String> {
    parse_tenant(Path::new("shop.toml"), text).map_err(|problems| shown(&problems))
}

/// The one problem of a file, without its place.
fn only_problem(text: &str) -> String {
    let problems = parse_tenant(Path::new("shop.toml"), text).err().unwrap_or_default();
    assert_eq!(problems.len(), 1, "{}", shown(&problems));
    format!("{}: {}; {}", problems[0].key, problems[0].problem, problems[0].remedy)
}

#[test]
fn every_mistake_of_a_file_is_told_in_one_run_with_its_place() {
    let problems =
        parse_tenant(Path::new("tenants/mistakes.toml"), include_str!("mistakes.toml")).unwrap_err();
    insta::assert_snapshot!(shown(&problems));
}

#[test]
fn no_message_shows_a_secret() {
    let problems =
        parse_tenant(Path::new("tenants/mistakes.toml"), include_str!("mistakes.toml")).unwrap_err();
    assert!(!shown(&problems).contains("do_not_show_me"));
    let syntax = parse("[stripe]\nsecret_key = \"sk_live_do_not_show_me\n").unwrap_err();
    assert!(!syntax.contains("do_not_show_me"), "{syntax}");
}

#[test]
fn the_sample_shop_becomes_a_merchant_with_its_prices() {
    let tenant =
        read_tenant(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tenants/harbor-coffee.toml")).unwrap();
    let view = tenant.view(7, Some("acct_1Harbor".parse().unwrap()));
    assert_eq!((view.id.as_str(), view.mode, view.generation), ("harbor-coffee", Mode::Test, 7));
    assert_eq!(view.hosts, ["coffee.localhost"]);
    assert_eq!(view.account.as_ref().map(AccountId::as_str), Some("acct_1Harbor"));
    assert_eq!(view.network_id.as_str(), "profile_test_harborcoffee");
    assert_eq!(view.checkout.quote_ttl, Span::minutes(45));
    assert_eq!(view.checkout.tokens.risk, RiskPolicy::BlockOnRecommendation);
    assert_eq!(
        view.payment_methods,
        [PaymentMethod::Card, PaymentMethod::ApplePay, PaymentMethod::GooglePay]
    );
    assert_eq!(view.chatgpt.methods_form, MethodsForm::Objects);
    let item = |id: &str| {
        let id = id.parse().unwrap();
        let item = view.catalog.item(&id).unwrap_or_else(|| panic!("{id} is sold"));
        (item.title(), item.price().to_string(), item.available())
    };
    assert_eq!(
        item("huila-washed-250-beans"),
        ("Huila Washed (250 g, Whole bean)".to_owned(), "18.50 USD".to_owned(), true)
    );
    assert_eq!(item("huila-washed-1000-beans").1, "62.00 USD");
    assert!(!item("huila-washed-1000-filter").2);
    assert_eq!(item("night-watch-250-espresso").1, "19.50 USD");
    assert_eq!(item("stoneware-mug").1, "24.00 USD");
    assert!(!item("hand-grinder").2);
    assert_eq!(view.catalog.products().len(), 6);
    let shipping: Vec<_> =
        view.shipping.iter().map(|rule| (rule.id.as_str(), rule.price.minor, rule.days)).collect();
    assert_eq!(shipping, [("standard", 599, Some((3, 5))), ("express", 1499, Some((1, 2)))]);
    let TaxRule::Fixed(tax) = &view.tax else { panic!("{:?}", view.tax) };
    assert_eq!((tax.rates.len(), tax.elsewhere), (8, Some(Rate::ZERO)));
}

#[test]
fn a_file_needs_only_what_has_no_sensible_default() {
    let view = parse(SHOP).unwrap().view(1, None);
    assert_eq!(view.checkout.countries, ["US".parse().unwrap()]);
    assert_eq!(view.checkout.session_ttl, Span::minutes(120));
    assert_eq!(view.account, None);
    assert_eq!(view.tax, TaxRule::None);
    let missing = parse("").unwrap_err();
    for key in ["name", "mode", "hosts", "currency", "stripe", "products", "tax"] {
        assert!(missing.contains(&format!(" {key}: is missing;")), "{key}: {missing}");
    }
}

#[test]
fn wallets_pay_by_default_wherever_stripe_grants_tokens() {
    let with = |checkout: &str, stripe: &str| {
        let file = SHOP.replace("[stripe]", &format!("[checkout]\n{checkout}\n[stripe]\n{stripe}"));
        let view = parse(&file).unwrap().view(1, None);
        (view.checkout.wallet, view.checkout.quote_ttl)
    };
    let (taken, not_taken) = ((true, Span::minutes(45)), (false, Span::minutes(15)));
    assert_eq!(with("", ""), taken);
    assert_eq!(with("", "country = \"DE\""), taken);
    assert_eq!(with("", "country = \"JP\""), not_taken);
    assert_eq!(with("wallet = false", ""), not_taken);
    assert_eq!(with("quote_ttl_minutes = 60", ""), (true, Span::minutes(60)));
    // A checkout that lives for less is as valid as it was.
    assert_eq!(with("session_ttl_minutes = 30", ""), (true, Span::minutes(30)));
    for method in ["payment_sheet", "hosted"] {
        assert_eq!(with(&format!("method = \"{method}\""), ""), not_taken, "{method}");
        assert_eq!(with(&format!("method = \"{method}\"\nwallet = true"), ""), taken, "{method}");
    }
    let abroad = SHOP.replace("[stripe]", "[checkout]\nwallet = true\n[stripe]\ncountry = \"JP\"");
    let problem = only_problem(&abroad);
    assert!(
        problem.starts_with("checkout.wallet: is true, and Stripe grants no payment tokens"),
        "{problem}"
    );
    let closed = SHOP.replace("[stripe]", "[checkout]\nwallet = false\nmcp_payment = true\n[stripe]");
    let problem = only_problem(&closed);
    assert!(
        problem.starts_with("checkout.mcp_payment: is true, and agents' wallets do not pay"),
        "{problem}"
    );
    let short = SHOP.replace("[stripe]", "[checkout]\nquote_ttl_minutes = 15\n[stripe]");
    let warned = shown(parse(&short).unwrap().warnings());
    assert!(
        warned.contains("checkout.quote_ttl_minutes: is 15") && warned.contains("half an hour"),
        "{warned}"
    );
}

#[test]
fn an_agent_is_named_by_its_profile_or_by_its_program() {
    let with = |agents: &str| SHOP.replace("[stripe]", &format!("[checkout]\nagents = {agents}\n[stripe]"));
    let view = parse(&with("{ allow = [\"profile_1\"], refuse = [\"link-cli\"] }")).unwrap().view(1, None);
    assert_eq!(view.checkout.agents.allow, [AgentName::Profile("profile_1".to_owned())]);
    assert_eq!(view.checkout.agents.refuse, [AgentName::Program("link-cli".to_owned())]);
    for wrong in ["\"\"", "\"link cli\"", "\"link-cli/1\"", "\"ChatGPT\\u202e\"", "5"] {
        let problem = only_problem(&with(&format!("{{ refuse = [{wrong}] }}")));
        assert!(problem.starts_with("checkout.agents.refuse[0]: "), "{wrong}: {problem}");
    }
    let unknown = only_problem(&with("{ deny = [] }"));
    assert!(unknown.contains("checkout.agents.deny: is not a known key"), "{unknown}");
}

#[test]
fn an_account_in_the_file_goes_before_a_learned_one() {
    let text = SHOP.replace("[stripe]", "[stripe]\naccount_id = \"acct_1File\"");
    let view = parse(&text).unwrap().view(1, Some("acct_1Learned".parse().unwrap()));
    assert_eq!(view.account.unwrap().as_str(), "acct_1File");
}

#[test]
fn what_is_not_built_yet_is_refused_by_name() {
    let with = |from: &str, to: &str| only_problem(&SHOP.replace(from, to));
    for (problem, key) in [
        (with("[tax]", "[catalog]\nsource = \"stripe\"\n[tax]"), "catalog.source"),
        (with("[tax]", "[catalog]\nsource = \"file\"\n[tax]"), "catalog.source"),
        (with("\"none\"", "\"stripe\""), "tax.provider"),
        (with("price = 1800", "price = 1800\nstock = 3"), "products[0].stock"),
        (with("price = 1800", "price = 1800\ntax_code = \"txcd_1\""), "products[0].tax_code"),
        (with("[tax]", "[[discounts]]\ncode = \"A\"\n[tax]"), "discounts"),
        (with("env:MERCHANT_SHOP__STRIPE_KEY", "store:stripe_key"), "stripe.secret_key"),
    ] {
        assert!(
            problem.starts_with(&format!("{key}: ")) && problem.contains("not supported yet"),
            "{problem}"
        );
    }
}

#[test]
fn live_mode_needs_addresses_that_shoppers_can_reach() {
    let live = SHOP
        .replace("\"test\"", "\"live\"")
        .replace("profile_test_shop", "profile_shop")
        .replace("shop.localhost", "shop.blue-door.shop")
        .replace("[stripe]", "[stripe]\nwebhook_secrets = [\"file:stripe-webhook\"]")
        .replace(
            "[tax]",
            "[checkout]\ncountries = [\"US\"]\n[links]\nterms_of_use = \"https://blue-door.shop/terms\"\n\
             privacy_policy = \"https://blue-door.shop/privacy\"\n[tax]",
        );
    assert_eq!(parse(&live).unwrap().mode(), Mode::Live);
    let local = "known on this machine or in its network only";
    for (host, why) in [
        ("localhost", local),
        ("intranet", local),
        ("shop.localhost", local),
        ("shop.local", local),
        ("shop.test", local),
        ("shop.internal", local),
        ("shop.example", "reserved for examples"),
        ("www.example.com", "reserved for examples"),
    ] {
        let problem = only_problem(&live.replace("shop.blue-door.shop", host));
        assert!(problem.starts_with(&format!("hosts[0]: \"{host}\" is {why}")), "{problem}");
        let problem = only_problem(&live.replace("blue-door.shop/terms", &format!("{host}/terms")));
        assert!(problem.starts_with("links.terms_of_use: ") && problem.contains(why), "{problem}");
    }
    for address in ["http://127.0.0.1/terms", "https://192.0.2.1/terms", "https://[2001:db8::1]/terms"] {
        let problem = only_problem(&live.replace("https://blue-door.shop/terms", address));
        assert!(problem.contains("is an IP address and not a domain"), "{problem}");
    }
    let none_sold = live.replace("price = 1800", "price = 1800\navailable = false");
    assert!(only_problem(&none_sold).contains("has no product that is available"), "{none_sold}");
    let empty = live.replace("[\"file:stripe-webhook\"]", "[]");
    assert!(only_problem(&empty).starts_with("stripe.webhook_secrets: is an empty list"));
}

#[test]
fn a_file_whose_name_is_no_tenant_id_says_so() {
    let problems = parse_tenant(Path::new("tenants/My Shop.toml"), SHOP).unwrap_err();
    assert_eq!(
        shown(&problems),
        "tenants/My Shop.toml: the file's name \"My Shop\" is no tenant id; name it by 1 to 63 lower-case letters \
         and digits, with single hyphens between them, such as harbor-coffee.toml"
    );
}

#[test]
fn goods_that_are_sent_need_a_shipping_option() {
    let text = SHOP.replace("shippable = false", "");
    assert!(only_problem(&text).starts_with("shipping: is missing"));
    assert!(parse(&format!("{text}[[shipping]]\nid = \"post\"\ntitle = \"Post\"\nprice = 0\n")).is_ok());
}

#[test]
fn a_price_in_quotes_is_answered_with_its_minor_units() {
    let quoted = SHOP.replace("1800", "\"18.50\"");
    let problem = only_problem(&quoted);
    assert!(problem.contains("is a text; write 1850, without quotes, for 18.50 USD"), "{problem}");
}

#[test]
fn prices_follow_the_currencys_own_steps() {
    let priced = |currency: &str, price: &str| {
        SHOP.replace("\"usd\"", &format!("\"{currency}\"")).replace("1800", price)
    };
    assert!(parse(&priced("jpy", "1800")).is_ok());
    assert!(parse(&priced("kwd", "1800")).is_ok());
    assert!(only_problem(&priced("kwd", "1801")).contains("in KWD are multiples of 10 minor units"));
    assert!(parse(&priced("isk", "180000")).is_ok() && parse(&priced("xcg", "1800")).is_ok());
    let cents = only_problem(&priced("isk", "180050"));
    assert!(cents.contains("in ISK are multiples of 100 minor units"), "{cents}");
    assert!(only_problem(&priced("jpy", "1800.0")).contains("write 1800 for 1800 JPY"));
    assert!(only_problem(&priced("usd", "18.00")).contains("write 1800 for 18.00 USD"));
    assert!(only_problem(&priced("usd", "100000000")).contains("more than can be charged"));
    assert!(only_problem(&priced("usd", "0")).contains("an order that comes to nothing cannot be paid"));
    let uncertain = only_problem(&priced("ugx", "1800"));
    assert!(uncertain.starts_with("currency: names UGX, of which Stripe documents two"), "{uncertain}");
    assert!(
        only_problem(&priced("xxx", "1800")).starts_with("currency: is not a currency that can be charged")
    );
}

#[test]
fn a_country_may_have_one_rate_for_all_its_other_states() {
    let text = SHOP.replace(
        "provider = \"none\"",
        "provider = \"fixed\"\nshipping = true\n[tax.rates.US]\nrest = \"5\"\nny = \"4\"\n",
    );
    let view = parse(&text).unwrap().view(1, None);
    let TaxRule::Fixed(tax) = view.tax else { panic!("{:?}", view.tax) };
    let rows: Vec<_> = tax.rates.iter().map(|row| (row.state.as_deref(), row.rate.millionths())).collect();
    assert_eq!(rows, [(Some("NY"), 40_000), (None, 50_000)]);
    assert!(tax.on_shipping && tax.elsewhere.is_none());
}

#[test]
fn a_state_that_there_is_not_is_refused_where_states_are_known() {
    let with = |country: &str, state: &str| {
        let rates = format!("[tax.rates.{country}]\n{state} = \"4\"\nrest = \"5\"\n");
        let tax = format!(
            "provider = \"fixed\"\nshipping = true\n{rates}[checkout]\ncountries = [\"{country}\"]\n"
        );
        SHOP.replace("provider = \"none\"\n", &tax)
    };
    assert!(
        only_problem(&with("US", "XX"))
            .starts_with("tax.rates.US.XX: has no region \"XX\"; write a state: AL (")
    );
    assert!(only_problem(&with("CA", "NY")).contains("has no region"));
    assert!(only_problem(&with("DE", "XX")).contains("is a region of DE, whose addresses name none"));
    for (country, written, state) in [
        ("US", "dc", "DC"),
        ("CA", "Québec", "QC"),
        ("AU", "New South Wales", "NSW"),
        ("JP", "東京都", "Tokyo"),
        ("US", "Puerto Rico", "PR"),
    ] {
        let view = parse(&with(country, &format!("\"{written}\""))).unwrap().view(1, None);
        let TaxRule::Fixed(tax) = view.tax else { panic!("{:?}", view.tax) };
        assert_eq!(tax.rates[0].state.as_deref(), Some(state), "{written}");
    }
}

#[test]
fn a_us_territory_is_sold_to_and_taxed_as_state_or_country() {
    let taxed = |rates: &str, countries: &str| {
        let tax =
            format!("provider = \"fixed\"\nshipping = true\n{rates}[checkout]\ncountries = {countries}\n");
        parse(&SHOP.replace("provider = \"none\"\n", &tax)).unwrap().view(1, None)
    };
    for (rates, countries) in [
        ("[tax.rates.PR]\nrest = \"11.5\"\n", "[\"US\"]"),
        ("[tax.rates.US]\nPR = \"11.5\"\n", "[\"US\"]"),
        ("[tax.rates.US]\nPR = \"11.5\"\n", "[\"PR\"]"),
        ("[tax.rates.PR]\nrest = \"11.5\"\n", "[\"PR\"]"),
    ] {
        let view = taxed(rates, countries);
        let TaxRule::Fixed(tax) = view.tax else { panic!("{:?}", view.tax) };
        let row = &tax.rates[0];
        assert_eq!((row.country.as_str(), row.state.as_deref()), ("US", Some("PR")), "{rates} {countries}");
    }
}

#[test]
fn an_id_that_is_used_twice_is_told_once_and_where() {
    let twice =
        format!("{SHOP}[[products]]\nid = \"mug\"\ntitle = \"Cup\"\nprice = 1900\nshippable = false\n");
    assert!(only_problem(&twice).starts_with("products[1].id: \"mug\" is used twice"));
    let variant = format!("{SHOP}[[products.variants]]\nid = \"mug\"\ntitle = \"Small\"\n");
    assert!(only_problem(&variant).starts_with("products[0].variants[0].id: \"mug\" is used twice"));
}

#[test]
fn variants_that_cannot_be_told_apart_are_refused() {
    let variants = |second: &str| {
        format!(
            "{SHOP}[[products.variants]]\nid = \"s\"\noptions = {{ Size = \"S\" }}\n\
             [[products.variants]]\nid = \"m\"\n{second}\n"
        )
    };
    assert!(parse(&variants("options = { Size = \"M\" }")).is_ok());
    assert!(only_problem(&variants("options = { Size = \"S\" }")).contains("like another variant"));
    assert!(only_problem(&variants("options = { Colour = \"Red\" }")).contains("other options"));
}

#[test]
fn a_network_id_of_live_mode_is_refused_in_test_mode() {
    let problem = only_problem(&SHOP.replace("profile_test_shop", "profile_shop"));
    assert!(problem.starts_with("stripe.network_id: does not belong to mode \"test\""), "{problem}");
}

#[test]
fn a_host_spelled_as_its_owner_likes_is_kept_in_lower_case() {
    assert_eq!(parse(&SHOP.replace("shop.localhost", "Shop.LocalHost")).unwrap().hosts(), ["shop.localhost"]);
}

#[test]
fn whether_shipping_is_taxed_must_be_said_where_goods_are() {
    let with = |tax: &str| parse(&SHOP.replace("provider = \"none\"\n", tax));
    assert_eq!(
        with("provider = \"fixed\"\nelsewhere = \"5\"\n").unwrap_err(),
        "shop.toml:9:1: tax.shipping: is missing; write shipping = true where shipping is taxed like the goods, or \
         shipping = false where it is not"
    );
    for (text, taxed) in [("true", true), ("false", false)] {
        let right = with(&format!("provider = \"fixed\"\nshipping = {text}\nelsewhere = \"5\"\n")).unwrap();
        let TaxRule::Fixed(tax) = right.view(0, None).tax else { panic!("a table") };
        assert_eq!(tax.on_shipping, taxed);
    }
}

//! A shop that sells to a city that is a country, to one whose addresses name no city, and to a territory that is a state.

use super::test_gateway::{Shop, account};

pub const ACCOUNT: &str = "acct_abroad";

const FILE: &str = r#"
name = "Far and Away"
mode = "test"
hosts = ["abroad.localhost"]
currency = "usd"
[stripe]
network_id = "profile_test_abroad"
secret_key = "env:MERCHANT_ABROAD__STRIPE_KEY"
[checkout]
countries = ["DE", "SG", "AE", "PR"]
[tax]
provider = "fixed"
shipping = false
elsewhere = "0"
[[products]]
id = "hat"
title = "Hat"
price = 3500
[[shipping]]
id = "post"
title = "Post"
price = 900
[[shipping]]
id = "express"
title = "Express"
price = 1900
"#;

pub fn abroad() -> Shop {
    Shop {
        id: "abroad".to_owned(),
        file: FILE.to_owned(),
        variable: "MERCHANT_ABROAD__STRIPE_KEY".to_owned(),
        webhook_variable: None,
        account: account(ACCOUNT, "sk_test_abroad1", true, "profile_test_abroad"),
    }
}

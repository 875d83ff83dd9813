//! `merchant-gateway tenant new`: writes a merchant's file, from answers, from Stripe, or from a live merchant's file.
//!
//! Invariants: an existing file is not changed, and what is written passes `check` once its secrets are in place.

use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use super::super::{Configured, problems_error, say, stripe_transport};
use super::twin;
use crate::config::gateway::GatewayConfig;
use crate::config::secrets::{SecretError, SecretRef, check_stripe_key};
use crate::config::tenant::parse_tenant;
use crate::config::tenants_dir::{check_host_name, host_taken, read_tenants};
use crate::domain::ids::{MerchantId, Mode, NetworkId};
use crate::domain::money::{Currency, Money};
use crate::domain::places;
use crate::ports::{Ids as _, SystemEnvironment, SystemIds};
use crate::stripe::in_words;
use crate::stripe::inspection::{AccountDetails, Inspection};

const TEMPLATE: &str = include_str!("template.toml");

/// The name of the key's file below the merchant's folder of secrets.
const KEY: &str = "stripe_key";

/// Write a merchant's file. On a terminal, what is not given is asked.
#[derive(Debug, Args)]
pub(super) struct New {
    /// The merchant's id, and the name of its file: 1 to 63 small letters and digits, with single hyphens between.
    id: MerchantId,
    /// The shop's name, as shoppers read it.
    #[arg(long)]
    name: Option<String>,
    /// The shop's host name, such as shop.example.com.
    #[arg(long)]
    host: Option<String>,
    /// The currency of its prices, such as usd.
    #[arg(long)]
    currency: Option<String>,
    /// A country that it sells to, as two letters of ISO 3166-1. May be repeated.
    #[arg(long)]
    country: Vec<String>,
    /// The Network ID of its Stripe profile in test mode.
    #[arg(long)]
    network_id: Option<String>,
    /// Take name, currency and country from the Stripe account of the key, which must be in its place already.
    #[arg(long)]
    from_stripe: bool,
    /// Make a test twin of this live merchant: its shop, with a host, a Network ID and secrets of its own.
    #[arg(long, value_name = "LIVE_ID", conflicts_with_all = ["name", "currency", "country", "from_stripe"])]
    test_of: Option<MerchantId>,
    #[command(flatten)]
    configured: Configured,
}

/// What a template needs.
struct Answers {
    name: String,
    host: String,
    currency: String,
    countries: Vec<String>,
    network_id: String,
    /// The country of the Stripe account, where Stripe named it.
    seller: Option<String>,
}

impl New {
    pub(super) fn run(mut self) -> anyhow::Result<ExitCode> {
        let config = self.configured.load(&SystemEnvironment)?;
        let file = config.tenants.dir.join(format!("{}.toml", self.id));
        ensure!(
            file.symlink_metadata().is_err(),
            "{} exists already; choose another id, or change that file",
            file.display()
        );
        let others = read_tenants(&config.tenants.dir, &config.public.base_hosts).tenants;
        let is_twin = self.test_of.is_some();
        let text = match self.test_of.take() {
            Some(live) => self.twin_of(&live, &config)?,
            None => filled(&self.id, &self.answers(&config)?),
        };
        let tenant = parse_tenant(&file, &text).map_err(|problems| problems_error(&problems))?;
        if let Some(taken) =
            tenant.hosts().iter().find_map(|host| host_taken(host, &others, &config.public.base_hosts))
        {
            bail!("{taken}; give each merchant hosts of its own; nothing was written");
        }
        write_new(&file, &text)?;
        self.say_what_is_next(&config, &file, is_twin);
        Ok(ExitCode::SUCCESS)
    }

    fn answers(&self, config: &GatewayConfig) -> anyhow::Result<Answers> {
        let account = if self.from_stripe { Some(self.account(config)?) } else { None };
        let of_account = |value: fn(&AccountDetails) -> &Option<String>| {
            account.as_ref().and_then(|known| value(known).clone())
        };
        let name = self.name.clone().or_else(|| of_account(|known| &known.name));
        let name = answer(&NAME, name)?;
        let host = answer(&HOST, self.host.clone())?;
        let currency = self.currency.clone().or_else(|| of_account(|known| &known.currency));
        let currency = answer(&CURRENCY, currency)?;
        let countries = (!self.country.is_empty()).then(|| self.country.join(","));
        let countries = answer(&COUNTRIES, countries.or_else(|| of_account(|known| &known.country)))?;
        let network_id = answer(&NETWORK, self.network_id.clone())?;
        let seller = of_account(|known| &known.country);
        Ok(Answers { name, host, currency, countries: in_list(&countries), network_id, seller })
    }

    fn twin_of(&self, live: &MerchantId, config: &GatewayConfig) -> anyhow::Result<String> {
        let file = config.tenants.dir.join(format!("{live}.toml"));
        let text = std::fs::read_to_string(&file).with_context(|| {
            format!("--test-of: the merchant {live} has no readable file {}", file.display())
        })?;
        let tenant = parse_tenant(&file, &text).map_err(|problems| problems_error(&problems))?;
        ensure!(
            tenant.mode() == Mode::Live,
            "--test-of: {live} is in test mode itself and needs no test twin"
        );
        let host = answer(&HOST, self.host.clone())?;
        let network_id = answer(&NETWORK, self.network_id.clone())?;
        twin::of(&text, live, &self.id, &host, &network_id)
    }

    /// Reads the account of the merchant's key at Stripe.
    fn account(&self, config: &GatewayConfig) -> anyhow::Result<AccountDetails> {
        let environment = SystemEnvironment;
        let variable = format!("env:{}STRIPE_KEY", SecretRef::variable_prefix(&self.id));
        let places = [format!("file:{KEY}"), variable];
        let path = config.secrets.dir.of(&self.id).join(KEY);
        let mut found = Err(anyhow::anyhow!(
            "--from-stripe needs the merchant's key; write it into {} first",
            path.display()
        ));
        for place in places.iter().filter_map(|place| SecretRef::parse(place, &self.id).ok()) {
            match place.resolve(&environment, &config.secrets.dir) {
                Ok(key) => {
                    found = Ok(key);
                    break;
                }
                Err(SecretError::Missing(_) | SecretError::Unset(_)) => {}
                Err(error) => found = Err(anyhow::anyhow!("{error}; {}", error.remedy("sk_test_…"))),
            }
        }
        let key = found?;
        check_stripe_key(&key, Mode::Test)
            .map_err(|error| anyhow::anyhow!("the key {error}; {}", error.remedy(Mode::Test)))?;
        let transport = stripe_transport(config)?;
        let inspection = Inspection::new(transport, key, format!("{:032x}", SystemIds.random_id()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(inspection.account()).map_err(|error| anyhow::anyhow!(in_words(&error)))
    }

    fn say_what_is_next(&self, config: &GatewayConfig, file: &Path, is_twin: bool) {
        let key = config.secrets.dir.of(&self.id).join(KEY);
        let options = self.configured.options();
        let mut steps = Vec::new();
        if !self.from_stripe {
            steps.push(format!(
                "write the Stripe key, rk_test_… or sk_test_…, into {}, readable for the gateway's user alone",
                key.display()
            ));
        }
        if !is_twin {
            steps.push(format!("put the shop's products, shipping and tax into {}", file.display()));
        }
        steps.push(format!("merchant-gateway check {}{options}", file.display()));
        steps.push(format!("merchant-gateway doctor {}{options}", self.id));
        say(&format!("wrote {}", file.display()));
        say("next:");
        for (index, step) in steps.iter().enumerate() {
            say(&format!("  {}. {step}", index + 1));
        }
        say("a running gateway serves the shop within seconds of the key and the file being in place");
    }
}

/// A value that is needed.
struct Question {
    flag: &'static str,
    text: &'static str,
    /// What is wrong with an answer.
    wrong: fn(&str) -> Option<String>,
}

const NAME: Question = Question { flag: "--name", text: "The shop's name", wrong: |_| None };

const HOST: Question = Question {
    flag: "--host",
    text: "Its host name, such as shop.example.com",
    wrong: |host| check_host_name(host).err(),
};

const CURRENCY: Question = Question {
    flag: "--currency",
    text: "The currency of its prices, such as usd",
    wrong: |code| code.parse::<Currency>().err().map(|error| error.to_string()),
};

const COUNTRIES: Question = Question {
    flag: "--country",
    text: "The countries that it sells to, such as US, CA",
    wrong: |codes| {
        let is_country = |code: &str| places::country(code).is_some_and(|known| known.as_str() == code);
        let unknown = in_list(codes).into_iter().find(|code| !is_country(code));
        unknown.map(|code| format!("{code} is no country; write two letters of ISO 3166-1 for each"))
    },
};

const NETWORK: Question = Question {
    flag: "--network-id",
    text: "The Network ID of its Stripe profile in test mode, profile_test_…",
    wrong: |id| {
        let is_of_test = id.starts_with("profile_test_") && id.parse::<NetworkId>().is_ok();
        (!is_of_test).then(|| "copy it from the Stripe Dashboard in test mode, profile_test_…".to_owned())
    },
};

/// A value that is given, or asked on a terminal until it is right.
fn answer(question: &Question, given: Option<String>) -> anyhow::Result<String> {
    if let Some(given) = given {
        return Ok(given);
    }
    let (mut questions, input) = (std::io::stderr(), std::io::stdin());
    if !(input.is_terminal() && questions.is_terminal()) {
        bail!("{} is missing; give it, or run the command on a terminal, which asks", question.flag);
    }
    loop {
        write!(questions, "{}: ", question.text)?;
        questions.flush()?;
        let mut line = String::new();
        ensure!(input.read_line(&mut line)? > 0, "stopped; nothing was written");
        let line = line.trim();
        match (question.wrong)(line) {
            _ if line.is_empty() => {}
            None => return Ok(line.to_owned()),
            Some(wrong) => writeln!(questions, "  {wrong}")?,
        }
    }
}

/// The entries of a list with commas, in capitals.
fn in_list(text: &str) -> Vec<String> {
    text.split(',').map(|entry| entry.trim().to_ascii_uppercase()).collect()
}

/// The template with a merchant's values, written as TOML strings.
fn filled(id: &MerchantId, answers: &Answers) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let countries: Vec<String> = answers.countries.iter().map(|country| quoted(country)).collect();
    let sample = answers.currency.parse().map_or_else(
        |_| "1850 is 18.50 USD".to_owned(),
        |currency: Currency| format!("1800 is {}", Money::new(1800, currency)),
    );
    let seller = answers
        .seller
        .as_deref()
        .map(|country| format!("# The country of the Stripe account.\ncountry = {}\n", quoted(country)));
    let one_line = |text: &str| text.replace(|letter: char| letter.is_control(), " ");
    TEMPLATE
        .replace("{id}", id.as_str())
        .replace("{name}", &one_line(&answers.name))
        .replace("{name_quoted}", &quoted(&answers.name))
        .replace("{sample}", &sample)
        .replace("{host_quoted}", &quoted(&answers.host))
        .replace("{currency_quoted}", &quoted(&answers.currency))
        .replace("{countries_quoted}", &countries.join(", "))
        .replace("{network_quoted}", &quoted(&answers.network_id))
        .replace("{seller}", &seller.unwrap_or_default())
}

/// Writes a file that must not exist, whole or not at all.
fn write_new(file: &PathBuf, text: &str) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", file.display());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder).with_context(failed)?;
    }
    // The ending keeps a running gateway from reading it before it is whole.
    let beside = file.with_extension("toml.new");
    drop(std::fs::remove_file(&beside));
    let mut new = OpenOptions::new().write(true).create_new(true).open(&beside).with_context(failed)?;
    new.write_all(text.as_bytes()).and_then(|()| new.sync_all()).with_context(failed)?;
    let linked = std::fs::hard_link(&beside, file);
    drop(std::fs::remove_file(&beside));
    linked.with_context(failed)
}

//! Which events the log has.

use merchant_gateway::config::gateway::LogFilter;
use tracing_subscriber::filter::{LevelFilter, Targets};

fn says(text: &str) -> String {
    text.parse::<LogFilter>().unwrap_err().to_string()
}

#[test]
fn a_misspelt_level_or_part_is_told_with_the_one_that_was_meant() {
    assert_eq!(says("inof"), "holds \"inof\", which is no level; did you mean \"info\"?");
    assert_eq!(says("warn,sqlx=wran"), "holds \"wran\", which is no level; did you mean \"warn\"?");
    assert_eq!(
        says("error,merchant_gatway=info"),
        "names \"merchant_gatway\", which writes no log lines; did you mean \"merchant_gateway\"?"
    );
    assert!(says("merchant_gateway").contains("write a level behind it"), "{}", says("merchant_gateway"));
    assert!(says("merchant=off").contains("did you mean \"merchant_gateway\""), "{}", says("merchant=off"));
    for wrong in ["loud", "", " , ", "verbose=info", "=info", "merchant_gateway=", "info,[span]=debug"] {
        assert!(wrong.parse::<LogFilter>().is_err(), "{wrong}");
    }
}

#[test]
fn no_filter_switches_the_gateways_errors_off() {
    for text in ["off", "OFF", "off,merchant_gateway=off", "sqlx=warn", "info,merchant_gateway::http=off"] {
        let targets = text.parse::<LogFilter>().unwrap().targets();
        for from in ["merchant_gateway", "merchant_gateway::cli::serve", "merchant_gateway::http::admin"] {
            assert!(targets.would_enable(from, &tracing::Level::ERROR), "{text} {from}");
        }
    }
    let quiet = "off".parse::<LogFilter>().unwrap().targets();
    assert!(!quiet.would_enable("merchant_gateway", &tracing::Level::WARN));
    assert!(!quiet.would_enable("sqlx", &tracing::Level::ERROR));
}

#[test]
fn levels_stand_alone_or_behind_a_part() {
    let filter: LogFilter = " Warn, merchant_gateway=info ,sqlx::query=debug".parse().unwrap();
    let wanted = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("merchant_gateway", LevelFilter::INFO)
        .with_target("sqlx::query", LevelFilter::DEBUG);
    assert_eq!(filter.targets(), wanted);
    assert_eq!("warn,merchant_gateway=info".parse(), Ok(LogFilter::default()));
}

//! `merchant-gateway tenant`: [`new`] writes a merchant's file ([`twin`]: a live merchant's test twin); `list` and `show` ask the
//! running gateway with this configuration.

mod new;
mod twin;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::admin_client::AdminClient;
use super::{Configured, print};

/// Write a merchant's file, or show the merchants of the running gateway with this configuration.
#[derive(Debug, Args)]
pub(super) struct Tenant {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write a merchant's file.
    New(Box<new::New>),
    /// List the merchants, one a line: id, mode, status, generation, hosts.
    List(TenantQuery),
    /// Show one merchant: the same, its endpoint for ChatGPT, and what is wrong in its file.
    Show {
        /// The merchant's id, such as harbor-coffee.
        id: String,
        #[command(flatten)]
        query: TenantQuery,
    },
}

#[derive(Debug, Args)]
struct TenantQuery {
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    configured: Configured,
}

impl Tenant {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::New(new) => new.run(),
            Action::List(query) => list(&query),
            Action::Show { id, query } => show(&id, &query),
        }
    }
}

fn list(query: &TenantQuery) -> anyhow::Result<ExitCode> {
    let gateway = AdminClient::of(&query.configured)?;
    let (served, problems) = (gateway.get("tenants")?, gateway.get("problems")?);
    let tenants = served["tenants"].as_array().cloned().unwrap_or_default();
    let problems = problems["problems"].as_array().cloned().unwrap_or_default();
    if query.json {
        let listed = serde_json::json!({ "tenants": tenants, "problems": problems });
        print(&serde_json::to_string_pretty(&listed)?)?;
    } else {
        for tenant in &tenants {
            print(&line(tenant))?;
            if !tenant["payments_off"].is_null() {
                print(&format!("  takes no payments: {}", text(tenant, "payments_off")))?;
            }
        }
        for problem in &problems {
            print(&super::reload::told(problem)?)?;
        }
        print(&format!("merchants served: {}; problems: {}", tenants.len(), problems.len()))?;
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(id: &str, query: &TenantQuery) -> anyhow::Result<ExitCode> {
    let gateway = AdminClient::of(&query.configured)?;
    let of_tenant = |answer: Value, list: &str, key: &str| -> Vec<Value> {
        let all = answer[list].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|entry| entry[key] == id).collect()
    };
    let tenant = of_tenant(gateway.get("tenants")?, "tenants", "id").pop();
    let problems = of_tenant(gateway.get("problems")?, "problems", "tenant");
    if query.json {
        print(&serde_json::to_string_pretty(
            &serde_json::json!({ "tenant": tenant, "problems": problems }),
        )?)?;
    } else {
        if let Some(tenant) = &tenant {
            print(&line(tenant))?;
            print(&format!("  file      {}", text(tenant, "file")))?;
            print(&format!("  endpoint  {}", text(tenant, "mcp_url")))?;
            if !tenant["payments_off"].is_null() {
                print(&format!("  takes no payments: {}", text(tenant, "payments_off")))?;
            }
        }
        for problem in &problems {
            print(&super::reload::told(problem)?)?;
        }
    }
    let found = tenant.is_some() || !problems.is_empty();
    found.then_some(()).with_context(|| {
        format!(
            "no merchant \"{id}\" is served, and no file of that name has a problem; `tenant list` lists them"
        )
    })?;
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn line(tenant: &Value) -> String {
    let hosts: Vec<&str> =
        tenant["hosts"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    format!(
        "{:<24} {:<5} {:<10} generation {:<4} {}",
        text(tenant, "id"),
        text(tenant, "mode"),
        text(tenant, "status"),
        tenant["generation"],
        hosts.join(" ")
    )
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

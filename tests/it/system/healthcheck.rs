//! `healthcheck`, as a container's engine runs it.

use std::process::Output;

use crate::support::test_gateway::TestGateway;

fn healthcheck(world: &TestGateway, listen: &str) -> Output {
    world.command("healthcheck").args(["--set", &format!("admin.listen={listen}")]).output().unwrap()
}

#[test]
fn a_running_gateway_is_ready_and_a_dead_one_is_not() {
    let mut world = TestGateway::start();
    let address = world.admin_address();
    let well = healthcheck(&world, &address);
    assert!(well.status.success(), "{}", String::from_utf8_lossy(&well.stderr));
    assert_eq!(String::from_utf8_lossy(&well.stdout), "ready\n");

    world.kill();
    let gone = healthcheck(&world, &address);
    let said = String::from_utf8_lossy(&gone.stderr);
    assert!(!gone.status.success() && said.contains("no gateway answers at"), "{said}");
    let unknown = healthcheck(&world, "127.0.0.1:0");
    let said = String::from_utf8_lossy(&unknown.stderr);
    assert!(!unknown.status.success() && said.contains("set a fixed one"), "{said}");
}

#[tokio::test]
async fn the_probes_need_no_token_and_report_no_served_merchants() {
    let world = TestGateway::start();
    let http = world.client(crate::support::client::Speaks::Modern).http;
    let base = format!("http://{}", world.admin_address());
    for (path, status, text) in [("/livez", 200, "alive\n"), ("/readyz", 200, "ready\n")] {
        let answer = http.get(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.text().await.unwrap(), text, "{path}");
        let head = http.head(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(
            (head.status().as_u16(), head.headers()["content-type"].to_str().unwrap()),
            (status, "text/plain")
        );
        assert_eq!(head.bytes().await.unwrap(), "", "{path}");
    }
    for (path, taken) in
        [("/readyz", "GET, HEAD"), ("/admin/v1/orders", "GET, HEAD"), ("/admin/v1/orders/1/erase", "POST")]
    {
        let refused = http.delete(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(
            (refused.status().as_u16(), refused.headers()["allow"].to_str().unwrap()),
            (405, taken),
            "{path}"
        );
        assert!(refused.text().await.unwrap().contains("method_not_allowed"), "{path}");
    }
    for path in ["/livez", "/readyz"] {
        assert_eq!(
            http.get(world.url(path)).send().await.unwrap().status(),
            404,
            "not on the public listener"
        );
    }
}

#[tokio::test]
async fn a_gateway_without_a_merchant_that_can_be_served_does_not_start() {
    let world = TestGateway::closed(Vec::new());
    let started = world.command("serve").output().unwrap();
    let said = String::from_utf8_lossy(&started.stderr);
    assert_eq!(started.status.code(), Some(1), "{said}");
    assert!(said.contains("\"cause\":\"the folder tenants holds no merchant; add a file"), "{said}");
    assert!(started.stdout.is_empty(), "it never says that it listens");

    std::fs::write(world.folder.path().join("tenants/kiln-works.toml"), "name = ").unwrap();
    let started = world.command("serve").output().unwrap();
    let said = String::from_utf8_lossy(&started.stderr);
    assert_eq!(started.status.code(), Some(1), "{said}");
    assert!(
        said.contains("no merchant of the folder tenants can be served:\\ntenants/kiln-works.toml:1:"),
        "{said}"
    );
}

#[tokio::test]
async fn a_skipped_merchant_is_named_and_fails_readiness_if_required() {
    let mut world = TestGateway::closed(crate::support::test_gateway::usual_shops());
    std::fs::write(world.folder.path().join("tenants/kiln-works.toml"), "name = ").unwrap();
    for (required, well) in [("false", true), ("true", false)] {
        world.settings = vec![("GATEWAY__TENANTS__REQUIRE_ALL", required)];
        world.start_until("stripe_account_known", 1);
        let asked = healthcheck(&world, &world.admin_address());
        let said = String::from_utf8_lossy(&asked.stdout).into_owned();
        assert_eq!(asked.status.success(), well, "{said}");
        assert!(said.starts_with(if well { "ready\n" } else { "not ready: " }), "{said}");
        assert_eq!(
            said.matches("left out: kiln-works; `merchant-gateway check` says why").count(),
            1,
            "{said}"
        );
        assert!(!said.contains("harbor"), "{said}");
        world.kill();
    }
}

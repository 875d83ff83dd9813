//! `healthcheck`, as a container's engine runs it.

use std::process::Output;

use serde_json::Value;

use crate::support::world::World;

fn healthcheck(world: &World, listen: &str) -> Output {
    world.command("healthcheck").args(["--set", &format!("admin.listen={listen}")]).output().unwrap()
}

fn admin_address(world: &World) -> String {
    let log = world.log();
    let line =
        log.lines().find(|line| line.contains("admin_listening")).expect("the admin listener is logged");
    let line: Value = serde_json::from_str(line).unwrap();
    line["fields"]["address"].as_str().or(line["address"].as_str()).expect("an address").to_owned()
}

#[test]
fn a_running_gateway_is_ready_and_a_dead_one_is_not() {
    let mut world = World::start();
    let address = admin_address(&world);
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
async fn the_probes_need_no_token_and_tell_nothing_of_merchants() {
    let world = World::start();
    let http = world.client(crate::support::client::Speaks::Modern).http;
    let base = format!("http://{}", admin_address(&world));
    for (path, status, text) in
        [("/livez", 200, "alive\n"), ("/readyz", 200, "ready\n"), ("/t/harbor-coffee/mcp", 404, "")]
    {
        let answer = http.get(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.text().await.unwrap(), text, "{path}");
    }
    for path in ["/livez", "/readyz"] {
        assert_eq!(
            http.get(world.url(path)).send().await.unwrap().status(),
            404,
            "not on the public listener"
        );
    }
}

//! `healthcheck`, as a container's engine runs it.

use std::process::Output;

use crate::support::world::World;

fn healthcheck(world: &World, listen: &str) -> Output {
    world.command("healthcheck").args(["--set", &format!("admin.listen={listen}")]).output().unwrap()
}

#[test]
fn a_running_gateway_is_ready_and_a_dead_one_is_not() {
    let mut world = World::start();
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
async fn the_probes_need_no_token_and_tell_nothing_of_merchants() {
    let world = World::start();
    let http = world.client(crate::support::client::Speaks::Modern).http;
    let base = format!("http://{}", world.admin_address());
    for (path, status, text) in [("/livez", 200, "alive\n"), ("/readyz", 200, "ready\n")] {
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

//! What machines ask of the daemon.

use axum::{body::Body, http::Request};

use super::{
    World,
    harness::{Answer, Client},
};

async fn asks(client: &Client, path: &str) -> Answer {
    // As Prometheus and load balancers do.
    let request = Request::get(path).header("accept", "application/openmetrics-text, text/plain;q=0.5");
    client.send(request.body(Body::empty()).expect("a request")).await
}

#[tokio::test]
async fn the_daemon_is_alive_and_ready() {
    let world = World::new();
    let observer = world.observer_of("shop");
    for (path, says) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = asks(&observer, path).await.is(200);
        assert_eq!(answer.text, says);
    }
}

#[tokio::test]
async fn metrics_are_for_those_who_have_the_machine() {
    let world = World::new();
    for client in [world.admin(), world.observer_of("default")] {
        let answer = asks(&client, "/metrics").await.is(200);
        let says = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert_eq!(answer.headers["content-type"], says);
        assert!(answer.text.contains("\nholdfast_build_info{"), "{}", answer.text);
        assert!(answer.text.ends_with("# EOF\n"), "{}", answer.text);
    }
    for client in [world.observer_of("shop"), world.member_of("shop")] {
        asks(&client, "/metrics")
            .await
            .says(403, "Policy does not allow this request to be performed.");
    }
}

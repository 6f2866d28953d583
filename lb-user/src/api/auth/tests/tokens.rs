//! Tokens for passwords, and the projects that they are for.

use serde_json::{Value as Json, json};

use super::*;

#[tokio::test]
async fn a_token_says_what_it_is_for_and_where_the_services_are() {
    let world = World::new(&settings());
    let answer = world
        .ask_for_token("alice", PASSWORD, json!({"project": {"name": "shop"}}))
        .await;
    assert_eq!(answer.status, 201);
    let token = &answer.body["token"];
    assert_eq!(token["project"]["id"], "shop");
    assert_eq!(token["user"]["name"], "alice");
    assert_eq!(
        token["roles"],
        json!([{"id": "member", "name": "member"}, {"id": "reader", "name": "reader"}])
    );
    let urls: Vec<_> = token["catalog"]
        .as_array()
        .unwrap()
        .iter()
        .map(|service| {
            (
                service["type"].as_str().unwrap(),
                service["endpoints"][0]["url"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        urls,
        [
            ("identity", "http://lb.example.org/identity"),
            ("load-balancer", "http://lb.example.org/load-balancer"),
            ("network", "http://lb.example.org/network"),
        ]
    );
    let expires = token["expires_at"].as_str().unwrap();
    assert!(expires.len() == 27 && expires.ends_with(".000000Z"), "{expires}");
}

#[tokio::test]
async fn a_token_is_for_the_project_of_its_user_and_an_administrators_for_any() {
    let world = World::new(&settings());
    for (user, scope, status, project) in [
        ("alice", json!({"project": {"id": "shop"}}), 201, "shop"),
        (
            "alice",
            json!({"project": {"name": "shop", "domain": {"id": "default"}}}),
            201,
            "shop",
        ),
        (
            "alice",
            json!({"project": {"name": "shop", "domain": {"id": "other"}}}),
            401,
            "",
        ),
        ("alice", json!({"project": {"id": "other"}}), 401, ""),
        ("alice", json!({"system": {"all": true}}), 401, ""),
        ("alice", json!("unscoped"), 201, "shop"),
        ("adam", json!({"project": {"id": "other"}}), 201, "other"),
        ("adam", json!({"system": {"all": true}}), 201, "default"),
        ("nobody", Json::Null, 401, ""),
    ] {
        let answer = world.ask_for_token(user, PASSWORD, scope.clone()).await;
        assert_eq!(answer.status, status, "{user} {scope}");
        if status == 201 {
            assert_eq!(answer.body["token"]["project"]["id"], project);
        }
    }
    assert_eq!(
        world.ask_for_token("alice", "wrong", Json::Null).await.status,
        401
    );
    let no_request = world
        .send("POST", "/identity/v3/auth/tokens", &[], json!({}))
        .await;
    assert_eq!(no_request.status, 400);
}

#[tokio::test]
async fn a_token_is_exchanged_for_another_looked_at_and_taken_back() {
    let world = World::new(&settings());
    let token = world.token("alice").await;
    let identity = json!({"methods": ["token"], "token": {"id": token}});
    let exchanged = world
        .send(
            "POST",
            "/identity/v3/auth/tokens",
            &[],
            json!({"auth": {"identity": identity}}),
        )
        .await;
    assert_eq!(exchanged.status, 201);
    let headers = [
        ("x-auth-token", token.as_str()),
        ("x-subject-token", token.as_str()),
    ];
    let shown = world.get("/identity/v3/auth/tokens", &headers).await;
    assert_eq!(
        shown.body["token"]["expires_at"],
        exchanged.body["token"]["expires_at"]
    );
    let other = world.token("olga").await;
    let others = [
        ("x-auth-token", other.as_str()),
        ("x-subject-token", token.as_str()),
    ];
    assert_eq!(world.get("/identity/v3/auth/tokens", &others).await.status, 404);
    let gone = world
        .send("DELETE", "/identity/v3/auth/tokens", &headers, json!({}))
        .await;
    assert_eq!(gone.status, 204);
    assert_eq!(world.get(LIST, &headers).await.status, 401);
}

#[tokio::test]
async fn projects_are_found_by_those_who_may_come_for_them() {
    let world = World::new(&settings());
    let (alice, adam) = (basic("alice", PASSWORD), basic("adam", PASSWORD));
    for prefix in ["", "/load-balancer", "/v2.0", "/identity/v3"] {
        for (user, project, status) in [
            (&alice, "shop", 200),
            (&alice, "other", 404),
            (&adam, "other", 200),
        ] {
            let headers = [("authorization", user.as_str())];
            let shown = world.get(&format!("{prefix}/projects/{project}"), &headers).await;
            assert_eq!(shown.status, status, "{prefix} {project}");
            let listed = world
                .get(&format!("{prefix}/projects?name={project}"), &headers)
                .await;
            let found = listed.body["projects"].as_array().unwrap().len();
            assert_eq!(found, usize::from(status == 200), "{prefix} {project}");
        }
    }
    let all = world.get("/projects", &[("authorization", &adam)]).await;
    let ids: Vec<_> = all.body["projects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|project| project["id"].clone())
        .collect();
    assert_eq!(ids, ["default", "robots", "shop"]);
}

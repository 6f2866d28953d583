//! Flavors and availability zones.

use serde_json::json;

use super::{
    World,
    harness::{id_of, unknown},
};

const FORBIDDEN: &str = "Policy does not allow this request to be performed.";

#[tokio::test]
async fn a_flavor_is_what_its_profile_says_and_is_chosen_by_everybody() {
    let world = World::new();
    let admin = world.admin();
    let data = "{\"kind\":   \"dedicated\"}";
    let fields = json!({"name": "own", "provider_name": "holdfast", "flavor_data": data});
    let profile = admin.makes("flavorprofiles", &fields).await;
    let expected = json!({"id": profile["id"], "name": "own", "provider_name": "holdfast", "flavor_data": data, "revision": 1});
    assert_eq!(profile.to_string(), expected.to_string());
    let fields = json!({"name": "own", "flavor_profile_id": profile["id"]});
    let flavor = admin.makes("flavors", &fields).await;
    let expected = json!({
        "id": flavor["id"], "name": "own", "description": "", "enabled": true, "flavor_profile_id": profile["id"],
        "revision": 2,
    });
    assert_eq!(flavor.to_string(), expected.to_string());
    let shop = world.member_of("shop");
    assert_eq!(shop.sees("flavors?enabled=True").await, json!([flavor]));
    shop.gets("flavorprofiles").await.says(403, FORBIDDEN);
    shop.gets(&format!("flavorprofiles/{}", id_of(&profile)))
        .await
        .says(403, FORBIDDEN);
    shop.tries_to_make("flavors", &fields).await.says(403, FORBIDDEN);
    let fields = json!({"vip_address": "192.0.2.1", "flavor_id": flavor["id"]});
    assert_eq!(
        shop.makes("loadbalancers", &fields).await["flavor_id"],
        flavor["id"]
    );
    let says = format!("Flavor {} is in use and cannot be modified.", id_of(&flavor));
    admin
        .deletes(&format!("flavors/{}", id_of(&flavor)))
        .await
        .says(409, &says);
    let path = format!("flavorprofiles/{}", id_of(&profile));
    let says = format!(
        "Flavor profile {} is in use and cannot be modified.",
        id_of(&profile)
    );
    admin.deletes(&path).await.says(409, &says);
    let change = admin
        .puts(&path, &json!({"flavorprofile": {"flavor_data": "{}"}}))
        .await;
    change.says(409, &says);
    admin
        .puts(&path, &json!({"flavorprofile": {"name": "theirs"}}))
        .await
        .is(200);
    let fields = json!({"enabled": false, "description": "not now"});
    admin.changes("flavors", &id_of(&flavor), &fields).await;
    let fields = json!({"vip_address": "192.0.2.2", "flavor_id": flavor["id"]});
    let says = format!(
        "The selected flavor is not allowed in this deployment: {}",
        id_of(&flavor)
    );
    shop.tries_to_make("loadbalancers", &fields)
        .await
        .says(400, &says);
}

#[tokio::test]
async fn what_a_flavor_cannot_be_is_refused() {
    let world = World::new();
    let admin = world.admin();
    let profile = |data: &str| json!({"name": "a", "provider_name": "holdfast", "flavor_data": data});
    for (fields, status, says) in [
        (profile("x"), 400, "x is not a valid option for flavor_data"),
        (
            profile("{\"bad\": 1}"),
            501,
            "Provider 'holdfast' does not support a requested option: Additional properties are not allowed ('bad' was unexpected)",
        ),
        (
            profile("{\"kind\": \"own\"}"),
            501,
            "Provider 'holdfast' does not support a requested option: kind own is not one of shared, dedicated",
        ),
        (
            json!({"name": "a", "provider_name": "amphora", "flavor_data": "{}"}),
            400,
            "Provider 'amphora' is not enabled.",
        ),
        (
            json!({"name": null, "provider_name": "holdfast", "flavor_data": "{}"}),
            400,
            "None is not a valid option for name",
        ),
        (
            json!({"name": "a"}),
            400,
            "Invalid input for field/attribute provider_name. Value: 'None'. Mandatory field missing.",
        ),
    ] {
        println!("{fields}");
        admin
            .tries_to_make("flavorprofiles", &fields)
            .await
            .says(status, says);
    }
    let profile = id_of(&admin.makes("flavorprofiles", &profile("{}")).await);
    let fields = json!({"name": "a", "flavor_profile_id": profile});
    let flavor = id_of(&admin.makes("flavors", &fields).await);
    admin
        .tries_to_make("flavors", &fields)
        .await
        .says(409, "A flavor of a already exists.");
    let says = "Unknown attribute for argument flavor_.flavor: flavor_profile_id";
    let change = json!({"flavor_profile_id": profile});
    admin
        .tries_to_change("flavors", &flavor, &change)
        .await
        .says(400, says);
    let fields = json!({"name": "b", "flavor_profile_id": unknown()});
    let says = format!("Flavor Profile {} not found.", unknown());
    admin.tries_to_make("flavors", &fields).await.says(400, &says);
}

#[tokio::test]
async fn an_availability_zone_is_called_by_its_name() {
    let world = World::new();
    let admin = world.admin();
    let fields = json!({"name": "p", "provider_name": "holdfast", "availability_zone_data": "{}"});
    let profile = id_of(&admin.makes("availabilityzoneprofiles", &fields).await);
    let fields = json!({"name": "here", "availability_zone_profile_id": profile});
    let zone = admin.makes("availabilityzones", &fields).await;
    let expected = json!({
        "name": "here", "description": "", "enabled": true, "availability_zone_profile_id": profile,
        "revision": 2,
    });
    assert_eq!(zone.to_string(), expected.to_string());
    let again = admin.tries_to_make("availabilityzones", &fields).await;
    again.says(409, "A availability zone of here already exists.");
    assert_eq!(admin.sees("availabilityzones/here").await, expected);
    assert_eq!(
        world
            .observer_of("shop")
            .sees("availabilityzones?name=here")
            .await,
        json!([expected])
    );
    let rename = admin
        .tries_to_change("availabilityzones", "here", &json!({"name": "there"}))
        .await;
    rename.says(
        400,
        "Unknown attribute for argument availability_zone_.availability_zone: name",
    );
    let fields = json!({"vip_address": "192.0.2.1", "availability_zone": "here"});
    let balancer = id_of(&admin.makes("loadbalancers", &fields).await);
    let says = "Availability Zone here is in use and cannot be modified.";
    admin.deletes("availabilityzones/here").await.says(409, says);
    admin
        .changes("availabilityzones", "here", &json!({"enabled": "false"}))
        .await;
    let fields = json!({"vip_address": "192.0.2.2", "availability_zone": "here"});
    let says = "The selected availability_zone is not allowed in this deployment: here";
    admin
        .tries_to_make("loadbalancers", &fields)
        .await
        .says(400, says);
    admin.deletes(&format!("loadbalancers/{balancer}")).await.is(204);
    admin.deletes("availabilityzones/here").await.is(204);
    admin
        .deletes(&format!("availabilityzoneprofiles/{profile}"))
        .await
        .is(204);
    admin
        .gets("availabilityzones/here")
        .await
        .says(404, "Availability Zone here not found.");
}

"""Makes, shows, changes and deletes each kind of object through openstacksdk.

Arguments: the endpoint; how to say who one is, in JSON ({"auth_type": ..., "auth": {...}}); a subnet. Says "done" at the
end.
"""

import json
import sys

import openstack

endpoint, how = sys.argv[1], json.loads(sys.argv[2])
connection = openstack.connect(load_yaml_config=False, load_envvars=False, **how)
lb = connection.load_balancer
subnet = connection.network.find_subnet(sys.argv[3], ignore_missing=False)


def check(is_so, what):
    if not is_so:
        sys.exit(f"not so: {what}")


def settled(balancer):
    return lb.wait_for_load_balancer(balancer.id, interval=0.1, wait=10)


capabilities = [capability.name for capability in lb.provider_flavor_capabilities("holdfast")]
check(capabilities == ["kind"], f"it is said what flavors can say: {capabilities}")
shared = '{"kind": "shared"}'
profile = lb.create_flavor_profile(name="sdk", provider_name="holdfast", flavor_data='{"kind": "dedicated"}')
lb.update_flavor_profile(profile, flavor_data=shared)
check(lb.get_flavor_profile(profile.id).flavor_data == shared, "a flavor profile is changed")
check([found.id for found in lb.flavor_profiles()] == [profile.id], "flavor profiles are listed")
flavor = lb.create_flavor(name="sdk", flavor_profile_id=profile.id, is_enabled=False)
lb.update_flavor(flavor, description="changed", is_enabled=True)
shown = lb.find_flavor("sdk", ignore_missing=False)
check((shown.description, shown.is_enabled) == ("changed", True), f"a flavor is changed: {shown}")
check([found.id for found in lb.flavors()] == [flavor.id], "flavors are listed")

zone_profile = lb.create_availability_zone_profile(name="new", provider_name="holdfast", availability_zone_data="{}")
lb.update_availability_zone_profile(zone_profile, name="sdk")
check(lb.get_availability_zone_profile(zone_profile.id).name == "sdk", "a profile of zones is changed")
check([found.id for found in lb.availability_zone_profiles()] == [zone_profile.id], "profiles of zones are listed")
# Zones have no ids: they are called by their names.
lb.create_availability_zone(name="sdk", availability_zone_profile_id=zone_profile.id, is_enabled=False)
lb.update_availability_zone("sdk", description="changed", is_enabled=True)
shown = lb.get_availability_zone("sdk")
check((shown.description, shown.is_enabled) == ("changed", True), f"an availability zone is changed: {shown}")
check([found.name for found in lb.availability_zones()] == ["sdk"], "availability zones are listed")

default = lb.get_quota_default().load_balancers
check(lb.get_quota("shop").load_balancers == default, "without a quota of its own a project has the default")
lb.update_quota("shop", load_balancers=10, health_monitors=20)
shown = lb.get_quota("shop")
check((shown.load_balancers, shown.health_monitors) == (10, 20), f"a quota is set: {shown}")
lb.update_quota("shop", load_balancers=11)
shown = lb.get_quota("shop")
check((shown.load_balancers, shown.health_monitors) == (11, 20), f"a quota is changed: {shown}")
check([found.project_id for found in lb.quotas()] == ["shop"], "quotas are listed")

balancer = lb.create_load_balancer(
    name="sdk", vip_address="192.0.2.77", vip_subnet_id=subnet.id, flavor_id=flavor.id, availability_zone="sdk"
)
settled(balancer)
check((balancer.flavor_id, balancer.availability_zone) == (flavor.id, "sdk"), "a load balancer is made by a flavor")
check(lb.find_load_balancer("sdk").id == balancer.id, "a load balancer is found by its name")
lb.update_load_balancer(balancer, description="changed", tags=["a", "b"])
check(lb.get_load_balancer(balancer.id).description == "changed", "a load balancer is changed")
check([found.id for found in lb.load_balancers(tags=["a"])] == [balancer.id], "load balancers are found by tags")

listener = lb.create_listener(name="sdk", load_balancer_id=balancer.id, protocol="HTTP", protocol_port=80)
settled(balancer)
pool = lb.create_pool(name="sdk", listener_id=listener.id, protocol="HTTP", lb_algorithm="ROUND_ROBIN")
settled(balancer)
for persistence in (
    {"type": "HTTP_COOKIE"},
    {"type": "APP_COOKIE", "cookie_name": "SESSION"},
    {"type": "SOURCE_IP", "persistence_timeout": 600},
    None,
):
    lb.update_pool(pool, session_persistence=persistence)
    settled(balancer)
    shown = lb.get_pool(pool.id).session_persistence
    check((shown or {}).get("type") == (persistence or {}).get("type"), f"persistence is {persistence}: {shown}")

members = [
    lb.create_member(pool, name=f"m{number}", address=f"192.0.2.{number}", protocol_port=80) for number in range(1, 25)
]
settled(balancer)
check(len(list(lb.members(pool, limit=10))) == 24, "all pages of a list are read")
lb.update_member(members[0], pool, weight=7)
check(lb.get_member(members[0].id, pool).weight == 7, "a member is changed")
lb.delete_member(members[1], pool)
check(lb.find_member("m2", pool) is None, "a member is deleted")

monitor = lb.create_health_monitor(pool_id=pool.id, type="HTTP", delay=5, timeout=2, max_retries=2, name="sdk")
settled(balancer)
lb.update_health_monitor(monitor, delay=7)
check(lb.get_health_monitor(monitor.id).delay == 7, "a monitor is changed")

policy = lb.create_l7_policy(listener_id=listener.id, action="REJECT", name="sdk")
rule = lb.create_l7_rule(policy, type="PATH", compare_type="STARTS_WITH", value="/admin")
lb.update_l7_rule(rule, policy, invert=True)
check(lb.get_l7_rule(rule.id, policy).invert, "a rule is changed")
lb.update_l7_policy(policy, action="REDIRECT_TO_URL", redirect_url="https://example.org/")
check(lb.get_l7_policy(policy.id).action == "REDIRECT_TO_URL", "a policy is changed")

check(lb.get_load_balancer_statistics(balancer.id).total_connections == 0, "there are statistics")
check([provider.name for provider in lb.providers()] == ["holdfast"], "there is a provider")

lb.delete_l7_rule(rule, policy)
lb.delete_l7_policy(policy)
lb.delete_health_monitor(monitor)
lb.delete_pool(pool)
lb.delete_listener(listener)
settled(balancer)
lb.delete_load_balancer(balancer)
check(lb.find_load_balancer("sdk") is None, "a load balancer is deleted")
lb.delete_quota("shop")
check(lb.get_quota("shop").load_balancers == default and not list(lb.quotas()), "a quota is deleted")
lb.delete_availability_zone("sdk")
check(lb.find_availability_zone("sdk") is None, "an availability zone is deleted")
lb.delete_availability_zone_profile(zone_profile)
check(lb.find_availability_zone_profile("sdk") is None, "a profile of zones is deleted")
lb.delete_flavor(flavor)
check(lb.find_flavor("sdk") is None, "a flavor is deleted")
lb.delete_flavor_profile(profile)
check(lb.find_flavor_profile("sdk") is None, "a flavor profile is deleted")
print("done")

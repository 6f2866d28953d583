// Has gophercloud make, change, look at and delete a load balancer at the endpoint that is named.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/l7policies"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/listeners"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/loadbalancers"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/monitors"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/pools"
	"github.com/gophercloud/gophercloud/openstack/loadbalancer/v2/providers"
)

func must(what string, err error) {
	if err != nil {
		fmt.Println(what, "failed:", err)
		os.Exit(1)
	}
}

func holds(what string, is bool) {
	if !is {
		fmt.Println("it does not hold:", what)
		os.Exit(1)
	}
}

func awaitActive(c *gophercloud.ServiceClient, id string) {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		balancer, err := loadbalancers.Get(c, id).Extract()
		must("looking at it", err)
		if balancer.ProvisioningStatus == "ACTIVE" {
			return
		}
		holds("it becomes active", time.Now().Before(deadline))
	}
}

func main() {
	endpoint := os.Args[1]
	c := &gophercloud.ServiceClient{
		ProviderClient: &gophercloud.ProviderClient{},
		Endpoint:       endpoint + "/",
		ResourceBase:   endpoint + "/v2.0/",
	}
	balancer, err := loadbalancers.Create(c, loadbalancers.CreateOpts{
		Name: "web", VipAddress: "192.0.2.9", AdminStateUp: gophercloud.Enabled, Tags: []string{"a"},
	}).Extract()
	must("making a load balancer", err)
	awaitActive(c, balancer.ID)

	timeout, weight := 50000, 5
	listener, err := listeners.Create(c, listeners.CreateOpts{
		LoadbalancerID: balancer.ID, Name: "http", Protocol: "HTTP", ProtocolPort: 80, TimeoutClientData: &timeout,
		InsertHeaders: map[string]string{"X-Forwarded-For": "true"},
	}).Extract()
	must("making a listener", err)
	pool, err := pools.Create(c, pools.CreateOpts{
		LBMethod: pools.LBMethodLeastConnections, Protocol: "HTTP", Name: "pool", ListenerID: listener.ID,
		Persistence: &pools.SessionPersistence{Type: "APP_COOKIE", CookieName: "SID"},
	}).Extract()
	must("making a pool", err)
	holds("the cookie is the application's", pool.Persistence.CookieName == "SID")
	member, err := pools.CreateMember(c, pool.ID, pools.CreateMemberOpts{
		Name: "member", Address: "10.0.0.1", ProtocolPort: 8080, Weight: &weight,
	}).Extract()
	must("making a member", err)
	weight = 7
	member, err = pools.UpdateMember(c, pool.ID, member.ID, pools.UpdateMemberOpts{Weight: &weight}).Extract()
	must("changing a member", err)
	holds("the weight is another", member.Weight == 7)
	must("changing all members", pools.BatchUpdateMembers(c, pool.ID, []pools.BatchUpdateMemberOpts{
		{Address: "10.0.0.1", ProtocolPort: 8080, Weight: &weight}, {Address: "10.0.0.2", ProtocolPort: 8080},
	}).ExtractErr())
	// A page of one member each.
	pages, err := pools.ListMembers(c, pool.ID, pools.ListMembersOpts{Limit: 1}).AllPages()
	must("listing members", err)
	members, err := pools.ExtractMembers(pages)
	must("reading members", err)
	holds("there are two members", len(members) == 2)
	monitor, err := monitors.Create(c, monitors.CreateOpts{
		Name: "monitor", PoolID: pool.ID, Type: "HTTP", Delay: 10, Timeout: 5, MaxRetries: 3, URLPath: "/check",
		ExpectedCodes: "200-299",
	}).Extract()
	must("making a monitor", err)
	monitor, err = monitors.Update(c, monitor.ID, monitors.UpdateOpts{Delay: 7}).Extract()
	must("changing a monitor", err)
	holds("the delay is another", monitor.Delay == 7)
	policy, err := l7policies.Create(c, l7policies.CreateOpts{
		Name: "policy", ListenerID: listener.ID, Action: l7policies.ActionRedirectToURL, RedirectURL: "http://example.com",
	}).Extract()
	must("making a policy", err)
	rule, err := l7policies.CreateRule(c, policy.ID, l7policies.CreateRuleOpts{
		RuleType: l7policies.TypePath, CompareType: l7policies.CompareTypeStartWith, Value: "/images*",
	}).Extract()
	must("making a rule", err)
	_, err = l7policies.UpdateRule(c, policy.ID, rule.ID, l7policies.UpdateRuleOpts{
		RuleType: l7policies.TypePath, CompareType: l7policies.CompareTypeRegex, Value: "/images/special*",
	}).Extract()
	must("changing a rule", err)

	tree, err := loadbalancers.GetStatuses(c, balancer.ID).Extract()
	must("looking at the tree", err)
	holds("the tree has a listener", len(tree.Loadbalancer.Listeners) == 1)
	_, err = loadbalancers.GetStats(c, balancer.ID).Extract()
	must("looking at statistics", err)
	_, err = listeners.GetStats(c, listener.ID).Extract()
	must("looking at statistics of a listener", err)
	_, err = pools.Update(c, pool.ID, pools.UpdateOpts{LBMethod: pools.LBMethodRoundRobin}).Extract()
	must("changing a pool", err)
	must("having it served anew", loadbalancers.Failover(c, balancer.ID).ExtractErr())
	awaitActive(c, balancer.ID)
	name := "renamed"
	_, err = loadbalancers.Update(c, balancer.ID, loadbalancers.UpdateOpts{Name: &name}).Extract()
	must("calling it otherwise", err)
	pages, err = loadbalancers.List(c, loadbalancers.ListOpts{Name: name, Tags: []string{"a"}}).AllPages()
	must("listing load balancers", err)
	balancers, err := loadbalancers.ExtractLoadBalancers(pages)
	must("reading load balancers", err)
	holds("it is found by its new name", len(balancers) == 1)
	pages, err = providers.List(c, nil).AllPages()
	must("listing providers", err)
	offered, err := providers.ExtractProviders(pages)
	must("reading providers", err)
	holds("there is one provider", len(offered) == 1)
	must("deleting all of it", loadbalancers.Delete(c, balancer.ID, loadbalancers.DeleteOpts{Cascade: true}).ExtractErr())
	fmt.Println("all of it holds")
}

//! A balancer whose maps lie in ordinary memory.

use std::sync::Arc;

use lb_common::{
    address::Endpoint,
    buckets::Key,
    flow::{Bucket, Record, State, StateWord, table},
    hash,
    host::{HostPlatform, HostTables},
    platform::{Members as _, Platform as _, Tables as _},
    tables::{self, Algorithm, MemberState, SessionKey},
    verdict::Reason,
};

use crate::views::*;
use crate::{bpf::SessionEntry, config, health::Health};

pub(super) const CLIENT: &str = "203.0.113.7";
const VIP: &str = "192.0.2.1";
const BUCKETS: u32 = 64;
const DAY_S: u64 = 86_400;
/// When it is in the proxy, in seconds since 1970.
pub(super) const PROXY_NOW_S: u32 = 1_800_000_000;
/// Noon of some day, in seconds since 1970.
pub(super) const NOON: u64 = 20_000 * DAY_S + DAY_S / 2;

impl Sight for HostPlatform {
    fn flow_records(&self) -> impl Iterator<Item = &Record> {
        let flows = self.tables.buckets.iter().flat_map(Bucket::records);
        flows.map(|(_, _, record)| record)
    }

    fn sessions(&self) -> impl Iterator<Item = SessionEntry> {
        self.tables
            .sessions()
            .into_iter()
            .map(|(key, seen)| SessionEntry {
                key,
                member: (seen.bound >> 32) as u32,
                last_seen_s: seen.bound as u32,
                first_seen_s: seen.first_seen_s,
            })
    }

    fn session_entry(&self, key: &SessionKey) -> Option<SessionEntry> {
        Sight::sessions(self).find(|entry| entry.key == *key)
    }

    fn listener_traffic(&self, id: u32) -> tables::Traffic {
        HostPlatform::listener_traffic(self, id)
    }

    fn member_traffic(&self, id: u32) -> tables::Traffic {
        HostPlatform::member_traffic(self, id)
    }

    fn session_counts(&self, pool: u32) -> tables::SessionCounts {
        HostPlatform::session_counts(self, pool)
    }

    fn packets(&self, reason: Reason) -> u64 {
        self.reason(reason)
    }
}

/// The TCP listener "web" of 192.0.2.1, its pool "web", which holds clients for 20 minutes, and its members "one" and
/// "two".
pub(super) struct World {
    pub(super) platform: HostPlatform,
    pub(super) config: Config,
    pub(super) health: Health,
    pub(super) ids: Ids,
    pub(super) members: [u32; 2],
    pub(super) look: Look,
}

impl World {
    pub(super) fn new() -> Self {
        let tables = HostTables::new(BUCKETS, BUCKETS);
        let pool = tables.add_pool(tables::Forwarding::NAT, Algorithm::RoundRobin);
        tables.pools[pool as usize].session_idle_s.set(1200);
        let listener = tables.add_listener(&endpoint_of(VIP, 80), 6, pool);
        let members =
            ["10.0.0.1", "10.0.0.2"].map(|address| tables.add_member(pool, &endpoint_of(address, 8080)));
        let mut ids = Ids::default();
        let named = [("one".to_owned(), members[0]), ("two".to_owned(), members[1])];
        ids.note_pool("web", pool, named.into_iter());
        ids.note_listener("web", listener);
        Self {
            platform: HostPlatform::new(Arc::new(tables)),
            config: config(),
            health: Health::default(),
            ids,
            members,
            look: Look::default(),
        }
    }

    /// The HTTP listeners "shop", "own" and "plain", whose pools of these names recognise clients by the application's
    /// cookie, by the balancer's, and not at all; and "routed", of pool "plain", with policies. The members of "shop" are "one" and "two", that of the others is "three".
    pub(super) fn proxied() -> Self {
        let config = proxied();
        Self {
            look: Look::at(&config, &Health::default(), PROXY_NOW_S),
            config,
            ids: Ids::default(),
            ..Self::new()
        }
    }

    pub(super) fn scene(&self) -> Scene<'_, HostPlatform> {
        Scene {
            proxied: self.look.report(),
            look: self.look.clone(),
            config: &self.config,
            plane: DataPlane::Kernel,
            health: &self.health,
            ids: &self.ids,
            sight: &self.platform,
        }
    }

    pub(super) fn status(&self) -> Status {
        let scene = self.scene();
        status(&scene, &Census::of(&scene), &[], Doings::default())
    }

    pub(super) fn sessions(&self, wanted: Wanted) -> Result<Sessions, String> {
        let list = SessionList::new(&self.scene(), wanted);
        let mut list = list.map_err(|refusal| refusal.to_string())?;
        Sight::sessions(&self.platform).for_each(|entry| list.note(&self.platform, &entry));
        let cookies = self.look.app_cookies().into_iter();
        let cookies = cookies.flat_map(crate::persistence::AppCookies::sessions);
        cookies.for_each(|entry| list.note_remembered(self.look.now_s(), &entry));
        Ok(list.finish())
    }

    pub(super) fn pool(&self) -> &tables::Pool {
        &self.platform.tables.pools[self.ids.pool("web").unwrap() as usize]
    }

    pub(super) fn set_state(&self, member: usize, state: MemberState) {
        let entry = self.platform.member(self.members[member]).unwrap();
        entry.set_state(state);
        self.platform.tables.lay_out(self.ids.pool("web").unwrap());
    }

    pub(super) fn pass_time(&self, seconds: u32) {
        self.platform.tables.now_s.fetch_add(seconds);
    }

    /// The client is held to the first member from now on.
    pub(super) fn hold(&self) {
        let key = session_key(&self.scene(), "web", CLIENT.parse().unwrap()).unwrap();
        assert!(
            self.platform
                .create_session(&key, self.members[0], self.platform.now_s())
        );
    }

    /// The client has a flow with the first member.
    pub(super) fn open(&self, port: u16, state: State) {
        let (client, vip) = (endpoint_of(CLIENT, port), endpoint_of(VIP, 80));
        let key = Key::new(hash::of_tuple(1, &client, &vip, 6), BUCKETS);
        let now_s = self.platform.now_s();
        let reserved = table::reserve(&self.platform, &key, now_s).unwrap();
        let state = StateWord::new(state, tables::Forwarding::NAT, 0);
        let written = reserved.commit(&self.platform, &key, self.members[0], state, |record| {
            record.client.store(&client.address);
            record.ports.set(u32::from(port) << 16 | u32::from(port));
            record.listener.set(self.ids.listener("web").unwrap());
            record.last_seen_s.set(now_s);
        });
        assert!(written);
    }

    pub(super) fn explain(&self, port: Option<u16>, unix_s: u64) -> Explanation {
        let question = Question {
            client: CLIENT.parse().unwrap(),
            port,
            listener: "web".into(),
            request: AskedRequest::default(),
        };
        let mut explainer = Explainer::new(&self.scene(), question).unwrap();
        let records = self.platform.flow_records();
        records.for_each(|record| explainer.note_flow(&self.platform, record));
        explainer.finish(&self.scene(), unix_s).unwrap()
    }

    #[track_caller]
    pub(super) fn assert_said(&self, member: Option<&str>, by: By, reasons: &[&str]) {
        let explanation = self.explain(None, NOON);
        assert_eq!((explanation.member.as_deref(), explanation.by), (member, by));
        let said = explanation.reasons.join("\n");
        for reason in reasons {
            assert!(said.contains(reason), "{reason}\nis not in\n{said}");
        }
    }
}

fn endpoint_of(address: &str, port: u16) -> Endpoint {
    let address = address.parse::<IpAddr>().unwrap().into();
    Endpoint { address, port }
}

fn config() -> Config {
    let text = format!(
        r#"
        [datapath]
        interfaces = ["eth0"]
        [[load_balancer]]
        name = "balancer"
        vip = "{VIP}"
        listener = [{{ name = "web", protocol = "TCP", port = 80, pool = "web" }}]
        [[pool]]
        name = "web"
        forwarding = "nat"
        session_persistence = {{ type = "SOURCE_IP", idle_timeout_min = 20 }}
        member = [
            {{ name = "one", address = "10.0.0.1", port = 8080 }},
            {{ name = "two", address = "10.0.0.2", port = 8080 }},
        ]
        "#
    );
    config::parse(&text, "world.toml").unwrap().config
}

fn proxied() -> Config {
    let text = format!(
        r#"
        [[load_balancer]]
        name = "balancer"
        vip = "{VIP}"
        [[load_balancer.listener]]
        name = "shop"
        protocol = "HTTP"
        port = 80
        pool = "shop"
        [[load_balancer.listener]]
        name = "own"
        protocol = "HTTP"
        port = 81
        pool = "own"
        [[load_balancer.listener]]
        name = "plain"
        protocol = "HTTP"
        port = 82
        pool = "plain"
        [[load_balancer.listener]]
        name = "routed"
        protocol = "HTTP"
        port = 83
        pool = "plain"
        [[load_balancer.listener.policy]]
        name = "admin"
        action = "REJECT"
        rule = [{{ type = "PATH", compare_type = "STARTS_WITH", value = "/admin" }}]
        [[load_balancer.listener.policy]]
        name = "buy"
        action = "REDIRECT_TO_POOL"
        redirect_pool = "shop"
        rule = [{{ type = "HOST_NAME", compare_type = "EQUAL_TO", value = "shop.example" }}]
        [[load_balancer.listener.policy]]
        name = "beta"
        action = "REDIRECT_TO_POOL"
        redirect_pool = "shop"
        rule = [{{ type = "HEADER", key = "X-Version", compare_type = "EQUAL_TO", value = "beta" }}]
        [[load_balancer.listener.policy]]
        name = "known"
        action = "REDIRECT_TO_POOL"
        redirect_pool = "shop"
        rule = [{{ type = "COOKIE", key = "SID", compare_type = "EQUAL_TO", value = "xyz" }}]
        [[pool]]
        name = "shop"
        session_persistence = {{ type = "APP_COOKIE", cookie_name = "SID", cookie_in_url = true, idle_timeout_min = 20 }}
        member = [
            {{ name = "one", address = "10.0.0.1", port = 8080 }},
            {{ name = "two", address = "10.0.0.2", port = 8080 }},
        ]
        [[pool]]
        name = "own"
        session_persistence = {{ type = "HTTP_COOKIE", idle_timeout_min = 20 }}
        member = [{{ name = "three", address = "10.0.0.3", port = 8080 }}]
        [[pool]]
        name = "plain"
        member = [{{ name = "three", address = "10.0.0.3", port = 8080 }}]
        "#
    );
    match config::parse(&text, "proxied.toml") {
        Ok(loaded) => loaded.config,
        Err(mistakes) => panic!("{mistakes:#}"),
    }
}

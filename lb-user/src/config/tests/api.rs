//! `[api]`: where the management API is reached, and who may do what there.

use super::{INTERFACES, all_say, loaded, says_about};
use crate::{
    config::{parse, render},
    model::{ApiAuth, ApiRole, ApiSettings},
};

const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$1dSl2k3mMQbUmP0wTPlqoiLYyCrwKa5PdeB1gSWXR5o";

fn file(api: &str) -> String {
    format!("{}{INTERFACES}", api.replace("HASH", HASH))
}

fn settings(api: &str) -> ApiSettings {
    loaded(&file(api)).config.api
}

const WHOLE: &str = r#"[api]
listen = ["127.0.0.1:9876", "[2001:db8::1]:9876"]
certificate = "/etc/holdfast/api.pem"
key = "/etc/holdfast/api.key"
certificates_path = "/srv/certificates"
[[api.user]]
name = "alice"
password = "HASH"
project = "shop"
role = "member"
[[api.token]]
name = "robot"
token = "HASH"
role = "admin"
[[api.subnet]]
name = "public"
cidr = "192.0.2.0/24"
first = "192.0.2.10"
[[api.subnet]]
name = "public6"
cidr = "2001:db8::/64"
network = "six"
"#;

#[test]
fn nothing_listens_unless_it_is_said_so() {
    assert_eq!(settings(""), ApiSettings::default());
    assert!(ApiSettings::default().listen.is_empty());
    assert_eq!(ApiSettings::default().auth, ApiAuth::Required);
}

#[test]
fn all_that_is_said_is_taken() {
    let api = settings(WHOLE);
    assert_eq!(api.listen.len(), 2);
    assert_eq!(api.tls.unwrap().key.to_str(), Some("/etc/holdfast/api.key"));
    let [alice] = &api.users[..] else {
        panic!("{:?}", api.users)
    };
    assert_eq!(
        (alice.name.as_str(), alice.project.as_str(), alice.role),
        ("alice", "shop", ApiRole::Member)
    );
    assert_eq!(api.tokens[0].project, "default");
    let ranges: Vec<String> = api
        .subnets
        .iter()
        .map(|subnet| format!("{} {} {}", subnet.network, subnet.first, subnet.last))
        .collect();
    assert_eq!(
        ranges,
        [
            "holdfast 192.0.2.10 192.0.2.254",
            "six 2001:db8::1 2001:db8::ffff:ffff:ffff:ffff"
        ]
    );
}

#[test]
fn what_is_rendered_reads_back_as_the_same() {
    for text in [WHOLE, ""] {
        let config = loaded(&file(text)).config;
        let rendered = render(&config).unwrap();
        assert_eq!(
            parse(&rendered, "rendered.toml").map(|loaded| loaded.config),
            Ok(config)
        );
    }
}

#[test]
fn no_hash_is_shown_by_a_configuration() {
    let shown = format!("{:?}", loaded(&file(WHOLE)));
    assert!(!shown.contains("argon2"), "{shown}");
}

#[test]
fn what_others_can_reach_has_rules() {
    let user = "[[api.user]]\nname = \"a\"\npassword = \"HASH\"\nrole = \"admin\"\n";
    let case = |api: &str| file(&format!("[api]\n{api}{user}"));
    all_say([
        (
            "nobody is asked who they are at an address of the network",
            case("listen = [\"192.0.2.1:9876\"]\nauth = \"none\"\ncertificate = \"/c\"\nkey = \"/k\"\n"),
            &["3:8: api: auth \"none\" is for loopback addresses only, and listen has 192.0.2.1:9876"][..],
        ),
        (
            "an address of the network has no TLS",
            case("listen = [\"127.0.0.1:9876\", \"0.0.0.0:9876\"]\n"),
            &["2:29: api: listen 0.0.0.0:9876 is no loopback address"],
        ),
        (
            "a certificate has no key",
            case("certificate = \"/c\"\n"),
            &["2:15: api: certificate has no key; name the file of it in key"],
        ),
        (
            "a key has no certificate",
            case("key = \"/k\"\n"),
            &["2:7: api: key has no certificate"],
        ),
        (
            "addresses are none, or twice there",
            case("listen = [\"127.0.0.1\", \"localhost:80\", \"[::1]:0\"]\n"),
            &[
                "2:11: api: listen \"127.0.0.1\" has no port; write \"127.0.0.1:9876\"",
                "2:24: api: listen \"localhost:80\" is no address with a port",
                "2:40: api: listen \"[::1]:0\" has no port; write one of 1 to 65535",
            ],
        ),
        (
            "an address stands twice",
            case("listen = [\"[::1]:1\", \"[::1]:1\"]\n"),
            &["2:22: api: listen has [::1]:1 already on line 2; write it once"],
        ),
    ]);
    says_about(
        "nobody can come in",
        &file("[api]\nlisten = [\"127.0.0.1:9876\"]\n"),
        &["2:10: warning: api: listen lets nobody in, since there are no users and no tokens"],
    );
    assert_eq!(
        settings("[api]\nlisten = [\"127.0.0.1:9876\", \"[::1]:9876\"]\nauth = \"none\"\n").auth,
        ApiAuth::None
    );
}

#[test]
fn those_who_come_in_have_rules() {
    let case = |user: &str| file(&format!("[[api.user]]\n{user}"));
    all_say([
        (
            "all is missing",
            case(""),
            &[
                "1:1: name is missing",
                "1:1: password is missing",
                "1:1: role is missing",
            ][..],
        ),
        (
            "a role is no role",
            case("name = \"a\"\npassword = \"HASH\"\nrole = \"admn\"\n"),
            &[
                "4:8: api, user \"a\": role \"admn\" is not one of observer, member, admin; did you mean \"admin\"?",
            ],
        ),
        (
            "a name has a colon, and a project is too long",
            case(
                "name = \"a:b\"\npassword = \"HASH\"\nrole = \"admin\"\nproject = \"1234567890123456789012345678901234567\"\n",
            ),
            &[
                "2:8: name \"a:b\" has a colon",
                "5:11: project \"1234567890123456789012345678901234567\" is too long",
            ],
        ),
        (
            "two have the same name",
            case(
                "name = \"a\"\npassword = \"HASH\"\nrole = \"admin\"\n[[api.user]]\nname = \"a\"\npassword = \"HASH\"\nrole = \"admin\"\n",
            ),
            &["6:8: name \"a\" is already that of the user on line 2"],
        ),
    ]);
}

#[test]
fn what_may_be_a_password_is_not_shown_where_it_is_wrong() {
    for (user, says) in [
        (
            "password = \"hunter2\"",
            "password (hidden) is no hash of argon2id; write what `holdfast hash-password` prints",
        ),
        (
            "password = 1234567",
            "password must be a string, not the integer (hidden)",
        ),
        (
            "passwort = \"hunter2\"",
            "unknown key \"passwort\"; did you mean `password`?",
        ),
        ("password = \"hunter2", "not valid TOML"),
    ] {
        let text = file(&format!("[[api.user]]\nname = \"a\"\nrole = \"admin\"\n{user}\n"));
        let said = format!("{:#}", parse(&text, "test.toml").unwrap_err());
        assert!(said.contains(says), "{said}");
        assert!(!said.contains("hunter2") && !said.contains("1234567"), "{said}");
    }
}

#[test]
fn subnets_have_rules() {
    let case = |subnet: &str| file(&format!("[[api.subnet]]\nname = \"a\"\n{subnet}"));
    all_say([
        (
            "it is no network",
            case("cidr = \"192.0.2.1/24\"\n"),
            &[
                "3:8: api, subnet \"a\": cidr \"192.0.2.1/24\" has bits behind its prefix; write the network, \"192.0.2.0/24\"",
            ][..],
        ),
        (
            "its range is elsewhere",
            case("cidr = \"192.0.2.0/24\"\nlast = \"198.51.100.7\"\n"),
            &["4:8: last 198.51.100.7 is not in 192.0.2.0/24; write one of 192.0.2.0 to 192.0.2.255"],
        ),
        (
            "its range is the wrong way round",
            case("cidr = \"192.0.2.0/24\"\nfirst = \"192.0.2.9\"\nlast = \"192.0.2.8\"\n"),
            &["4:9: first 192.0.2.9 comes after last 192.0.2.8"],
        ),
        (
            "two have addresses in common",
            case("cidr = \"192.0.2.0/24\"\n[[api.subnet]]\nname = \"b\"\ncidr = \"192.0.2.128/25\"\n"),
            &["6:8: api, subnet \"b\": cidr 192.0.2.128/25 overlaps with 192.0.2.0/24 on line 3"],
        ),
    ]);
}

#[test]
fn whoever_gives_the_apis_own_address_to_the_datapath_is_warned() {
    let file = |vip: &str, protocol: &str, interfaces: &str| {
        format!(
            r#"[api]
listen = ["192.0.2.1:9876", "127.0.0.1:9876"]
certificate = "/api.pem"
key = "/api.key"
[[api.token]]
name = "robot"
token = "{HASH}"
role = "admin"
[datapath]
interfaces = [{interfaces}]
[[load_balancer]]
name = "web"
vip = "{vip}"
[[load_balancer.listener]]
name = "web"
protocol = "{protocol}"
port = 80
pool = "web"
[[pool]]
name = "web"
[[pool.member]]
name = "one"
address = "10.0.0.1"
port = 80
"#
        )
    };
    let warned = |text: &str| {
        let warnings = loaded(text).warnings;
        warnings
            .iter()
            .any(|warning| format!("{warning:#}").contains("takes it from the API at all ports"))
    };
    let off = "admin_state_up = false\n";
    let tcp = file("192.0.2.1", "TCP", "\"eth0\"");
    assert!(warned(&tcp));
    let http_is_off =
        file("192.0.2.1", "HTTP", "\"eth0\"").replace("port = 80\npool", &format!("port = 80\n{off}pool"));
    assert!(warned(&http_is_off));
    // What is off takes nothing.
    assert!(!warned(&tcp.replace("vip = ", &format!("{off}vip = "))));
    for (vip, protocol, interfaces) in [
        ("192.0.2.2", "TCP", "\"eth0\""),
        // The host keeps the ports that are not the proxy's.
        ("192.0.2.1", "HTTP", "\"eth0\""),
        ("192.0.2.1", "HTTP", ""),
        ("127.0.0.1", "HTTP", "\"eth0\""),
    ] {
        assert!(
            !warned(&file(vip, protocol, interfaces)),
            "{vip} {protocol} {interfaces}"
        );
    }
}

//! The management API by network: who is let in, what they may do there, and that nobody hears of their passwords.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lb_tests::eventually;
use lb_tests::http::Authority;
use lb_tests::noop::{Daemon, ask, free_port, hashed};
use serde_json::{Value as Json, json};

const PASSWORD: &str = "open-sesame-4711";
const TOKEN: &str = "let-me-in-0815";
const WRONG: &str = "not-it-1234";
const TIME_TO_CLOSE: Duration = Duration::from_secs(10);

static PASSWORD_HASH: LazyLock<String> = LazyLock::new(|| hashed(PASSWORD).expect("a hash"));
static TOKEN_HASH: LazyLock<String> = LazyLock::new(|| hashed(TOKEN).expect("a hash"));

const LIST: &str = "/v2.0/lbaas/loadbalancers";

const PEOPLE: &str = r#"
[[api.user]]
name = "alice"
password = "PASSWORD"
project = "shop"
role = "member"
[[api.user]]
name = "olga"
password = "PASSWORD"
project = "shop"
role = "observer"
[[api.user]]
name = "adam"
password = "PASSWORD"
role = "admin"
[[api.token]]
name = "robot"
token = "TOKEN"
role = "admin"
[[api.subnet]]
name = "public"
cidr = "192.0.2.0/24"
first = "192.0.2.100"
"#;

/// Settings with what the words stand for: the port of this daemon, and hashes.
fn meant(settings: &str, port: u16) -> String {
    let settings = settings.replace("PORT", &port.to_string());
    settings
        .replace("PASSWORD", &PASSWORD_HASH)
        .replace("TOKEN", &TOKEN_HASH)
}

/// Listening at the loopback address, with those people.
fn at_loopback(port: u16) -> String {
    meant(&format!("[api]\nlisten = [\"127.0.0.1:PORT\"]\n{PEOPLE}"), port)
}

fn started() -> Result<Daemon> {
    let mut daemon = Daemon::prepare()?;
    daemon.configure(&at_loopback(daemon.port))?;
    daemon.launch()?;
    Ok(daemon)
}

fn with(user: &str, password: &str) -> [String; 2] {
    ["--user".into(), format!("{user}:{password}")]
}

fn strs(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// Asks the identity service for a token.
fn token_for(user: &str, password: &str, scope: &Json) -> String {
    let identity = json!({
        "methods": ["password"],
        "password": {"user": {"name": user, "password": password, "domain": {"name": "Default"}}},
    });
    json!({"auth": {"identity": identity, "scope": scope}}).to_string()
}

#[test]
fn clients_come_in_by_password_by_token_and_by_the_identity_service() -> Result<()> {
    let daemon = started()?;
    assert_eq!(daemon.status_of("/", &[])?, 200);
    let refused = daemon.ask(LIST, &[])?;
    assert_eq!(refused.status, 401);
    let way = refused.header("www-authenticate").context("no way in")?;
    assert_eq!(
        way,
        format!("Keystone uri=\"http://127.0.0.1:{}/identity/v3\"", daemon.port)
    );
    let (right, wrong) = (with("alice", PASSWORD), with("alice", WRONG));
    assert_eq!(daemon.status_of(LIST, &strs(&right))?, 200);
    assert_eq!(daemon.status_of(LIST, &strs(&wrong))?, 401);
    assert_eq!(
        daemon.status_of(LIST, &["--header", &format!("X-Auth-Token: {TOKEN}")])?,
        200
    );
    assert_eq!(
        daemon.status_of(LIST, &["--header", &format!("X-Auth-Token: {WRONG}")])?,
        401
    );

    let scope = json!({"project": {"name": "shop", "domain": {"name": "Default"}}});
    let given = daemon.ask(
        "/identity/v3/auth/tokens",
        &["--data", &token_for("alice", PASSWORD, &scope)],
    )?;
    assert_eq!(given.status, 201, "{}", given.body);
    let token = given.header("x-subject-token").context("no token")?;
    let header = format!("X-Auth-Token: {token}");
    // As a client does it: where the catalog says, and then below it.
    let catalog = given.body["token"]["catalog"].as_array().context("no catalog")?;
    for (kind, below) in [
        ("load-balancer", LIST),
        ("network", "/v2.0/subnets?name=public"),
        ("identity", "/v3/projects/shop"),
    ] {
        let service = catalog.iter().find(|service| service["type"] == kind);
        let url = service.context(kind)?["endpoints"][0]["url"]
            .as_str()
            .context(kind)?;
        let answer = ask(&format!("{url}{below}"), &["--header", &header])?;
        assert_eq!(answer.status, 200, "{kind}: {}", answer.body);
    }
    let refused = daemon.ask(
        "/identity/v3/auth/tokens",
        &["--data", &token_for("alice", WRONG, &scope)],
    )?;
    assert_eq!(refused.status, 401);

    let log = daemon.log();
    assert!(log.contains("did not let in alice"), "{log}");
    let kept = fs::read_to_string(daemon.path("holdfast.toml"))?;
    for secret in [
        PASSWORD,
        TOKEN,
        WRONG,
        token,
        PASSWORD_HASH.as_str(),
        TOKEN_HASH.as_str(),
    ] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
    assert!(!kept.contains(PASSWORD) && !kept.contains(TOKEN));
    Ok(())
}

#[test]
fn an_observer_looks_a_member_changes_and_addresses_are_given_out() -> Result<()> {
    let daemon = started()?;
    let list = daemon.ask("/v2.0/subnets?name=public", &strs(&with("olga", PASSWORD)))?;
    let subnet = list.body["subnets"][0]["id"]
        .as_str()
        .context("no subnet")?
        .to_owned();
    let make = |user: &str, fields: Json| {
        let mut fields = fields;
        fields["vip_subnet_id"] = json!(subnet);
        let body = json!({ "loadbalancer": fields }).to_string();
        let mut arguments = with(user, PASSWORD).to_vec();
        arguments.extend(["--json".into(), body]);
        daemon.ask(LIST, &strs(&arguments))
    };
    assert_eq!(make("olga", json!({}))?.status, 403);
    let own = make("alice", json!({"name": "web"}))?;
    assert_eq!(own.status, 201, "{}", own.body);
    let own = &own.body["loadbalancer"];
    assert_eq!(own["vip_address"], "192.0.2.100");
    assert_eq!(own["project_id"], "shop");
    assert_eq!(make("alice", json!({"project_id": "other"}))?.status, 403);
    let other = make("adam", json!({"project_id": "other"}))?;
    assert_eq!(other.body["loadbalancer"]["vip_address"], "192.0.2.101");
    let port = own["vip_port_id"].as_str().context("no port")?;
    let port = daemon.ask(&format!("/v2.0/ports/{port}"), &strs(&with("alice", PASSWORD)))?;
    assert_eq!(port.body["port"]["fixed_ips"][0]["ip_address"], "192.0.2.100");
    let id = own["id"].as_str().context("no id")?;
    let delete = |user: &str| {
        let mut arguments = with(user, PASSWORD).to_vec();
        arguments.extend(["--request".into(), "DELETE".into()]);
        daemon.status_of(&format!("{LIST}/{id}"), &strs(&arguments))
    };
    assert_eq!(delete("olga")?, 403);
    assert_eq!(delete("alice")?, 204);
    Ok(())
}

#[test]
fn what_others_can_reach_is_not_open_to_whoever_comes() -> Result<()> {
    let daemon = Daemon::prepare()?;
    let mut said = String::new();
    for (api, says) in [
        (
            "listen = [\"0.0.0.0:PORT\"]\nauth = \"none\"\n",
            "auth \"none\" is for loopback addresses only",
        ),
        (
            "listen = [\"0.0.0.0:PORT\"]\n",
            "is no loopback address, so that passwords would cross the network",
        ),
    ] {
        daemon.configure(&meant(&format!("[api]\n{api}{PEOPLE}"), daemon.port))?;
        let log = daemon.refusal()?;
        let new = log.strip_prefix(&said).unwrap_or(&log);
        assert!(new.contains(says), "{new}");
        said = log;
    }
    Ok(())
}

#[test]
fn at_the_loopback_address_it_may_be() -> Result<()> {
    let mut daemon = Daemon::prepare()?;
    daemon.configure(&meant(
        "[api]\nlisten = [\"127.0.0.1:PORT\"]\nauth = \"none\"\n",
        daemon.port,
    ))?;
    daemon.launch()?;
    assert_eq!(
        daemon.status_of(LIST, &["--header", "X-Auth-Token: notused"])?,
        200
    );
    assert_eq!(daemon.status_of("/projects/demo", &[])?, 200);
    Ok(())
}

#[test]
fn with_a_certificate_it_speaks_tls_and_takes_another_one_by_a_reload() -> Result<()> {
    let authority = Authority::new()?;
    let trusted = authority.file().display().to_string();
    let mut daemon = Daemon::prepare()?;
    let certify = |daemon: &Daemon, name: &str| -> Result<String> {
        let made = authority.certify(name, &[name])?;
        let mut keys = String::new();
        for (key, from) in [("certificate", &made.file), ("key", &made.key)] {
            let file = daemon.path(&format!("{name}.{key}"));
            fs::copy(from, &file)?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
            writeln!(keys, "{key} = \"{}\"", file.display())?;
        }
        let settings = format!("[api]\nlisten = [\"0.0.0.0:PORT\"]\n{keys}{PEOPLE}");
        Ok(meant(&settings, daemon.port))
    };
    let (first, second) = (certify(&daemon, "first.test")?, certify(&daemon, "second.test")?);
    daemon.configure(&first)?;
    daemon.launch()?;
    let port = daemon.port;
    let ask_as = |name: &str| {
        let here = format!("{name}:{port}:127.0.0.1");
        let mut arguments = with("alice", PASSWORD).to_vec();
        arguments.extend(["--cacert".into(), trusted.clone(), "--resolve".into(), here]);
        ask(
            &format!("https://{name}:{port}/v2.0/lbaas/loadbalancers"),
            &strs(&arguments),
        )
    };
    assert_eq!(ask_as("first.test")?.status, 200);
    assert!(ask_as("second.test").is_err());
    assert!(daemon.ask("/", &[]).is_err(), "it answers without TLS");
    let links = ask(&format!("https://127.0.0.1:{port}/"), &["--insecure"])?;
    let link = links.body["versions"][0]["links"][0]["href"]
        .as_str()
        .context("no link")?;
    assert!(link.starts_with("https://"), "{link}");
    daemon.reconfigure(&second)?;
    assert_eq!(ask_as("second.test")?.status, 200);
    assert!(ask_as("first.test").is_err());
    Ok(())
}

#[test]
fn who_guesses_has_to_wait() -> Result<()> {
    let daemon = started()?;
    let (right, wrong) = (with("alice", PASSWORD), with("alice", WRONG));
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(daemon.status_of(LIST, &strs(&wrong))?);
    }
    assert_eq!(statuses[..10], [401; 10]);
    assert!(statuses.contains(&429), "{statuses:?}");
    let refused = daemon.ask(LIST, &strs(&right))?;
    assert_eq!(refused.status, 429);
    let wait_s: u64 = refused
        .header("retry-after")
        .context("no word of when")?
        .parse()?;
    assert!((1..=12).contains(&wait_s), "{wait_s}");
    // At the control socket, whoever may open it may do all.
    let socket = daemon.path("socket").display().to_string();
    assert_eq!(daemon.status_of(LIST, &["--unix-socket", &socket])?, 200);
    Ok(())
}

#[test]
fn a_reload_takes_people_and_addresses() -> Result<()> {
    let daemon = started()?;
    let alice = with("alice", PASSWORD);
    assert_eq!(daemon.status_of(LIST, &strs(&alice))?, 200);
    daemon.reconfigure(&at_loopback(daemon.port).replace("\"alice\"", "\"alina\""))?;
    assert_eq!(daemon.status_of(LIST, &strs(&alice))?, 401);
    let other = free_port()?;
    // To the other address and back, which is just being closed, and there again.
    for port in [other, daemon.port, other] {
        daemon.reconfigure(&at_loopback(port))?;
    }
    assert_eq!(
        ask(&format!("http://127.0.0.1:{other}{LIST}"), &strs(&alice))?.status,
        200
    );
    eventually("the other address to be closed", TIME_TO_CLOSE, || {
        daemon.ask("/", &[]).is_err()
    });
    daemon.reconfigure("")?;
    eventually("all addresses to be closed", TIME_TO_CLOSE, || {
        ask(&format!("http://127.0.0.1:{other}/"), &[]).is_err()
    });
    Ok(())
}

#[test]
fn at_an_upgrade_nobody_is_refused() -> Result<()> {
    let daemon = started()?;
    let alice = with("alice", PASSWORD);
    let is_over = AtomicBool::new(false);
    let pid = || -> Result<Json> {
        let output = daemon.cli(&["status", "--json"])?;
        Ok(serde_json::from_slice::<Json>(&output.stdout)?["daemon"]["pid"].take())
    };
    let before = pid()?;
    let asked = thread::scope(|scope| -> Result<Vec<u16>> {
        let asking = scope.spawn(|| -> Result<Vec<u16>> {
            let mut asked = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                asked.push(daemon.status_of(LIST, &strs(&alice))?);
            }
            Ok(asked)
        });
        let upgraded = daemon.cli(&["upgrade"]);
        let after = (0..20)
            .map(|_| daemon.status_of(LIST, &strs(&alice)))
            .collect::<Result<Vec<_>>>();
        is_over.store(true, Ordering::Relaxed);
        let mut asked = asking.join().expect("it does not panic")?;
        let upgraded = upgraded?;
        ensure!(upgraded.status.success(), "{upgraded:?}");
        asked.extend(after?);
        Ok(asked)
    })?;
    assert_ne!(pid()?, before);
    assert!(
        asked.len() > 20 && asked.iter().all(|status| *status == 200),
        "{asked:?}"
    );
    Ok(())
}

#[test]
fn a_check_shows_no_secret() -> Result<()> {
    let daemon = Daemon::prepare()?;
    let right = at_loopback(daemon.port);
    for (spoilt, says) in [
        (right.clone(), "valid"),
        (
            right.replace(PASSWORD_HASH.as_str(), PASSWORD),
            "password (hidden) is no hash of argon2id",
        ),
        (
            right.replace(TOKEN_HASH.as_str(), TOKEN),
            "token (hidden) is no hash of argon2id",
        ),
    ] {
        daemon.configure(&spoilt)?;
        let file = daemon.path("holdfast.toml").display().to_string();
        let output = daemon.cli(&["check", &file])?;
        let said = String::from_utf8([output.stdout, output.stderr].concat())?;
        assert!(said.contains(says), "{said}");
        for secret in [PASSWORD, TOKEN, &PASSWORD_HASH, &TOKEN_HASH] {
            assert!(!said.contains(secret), "{said}");
        }
    }
    Ok(())
}

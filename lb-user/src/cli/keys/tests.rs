//! The commands on the key file.

use std::{fs, os::unix::fs::PermissionsExt as _};

use tempfile::TempDir;

use super::*;

const NOW_S: u32 = 1_800_000_000;

struct State(TempDir);

impl State {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join(KEY_FILE)
    }

    fn said(&self, what: &What, now_s: u32) -> String {
        said(&self.path(), what, now_s).unwrap()
    }

    /// What each key does, the last to seal first.
    fn does(&self, now_s: u32) -> Vec<Does> {
        let ring = KeyFile::at(&self.path()).load().unwrap().unwrap();
        shown(&ring, now_s).iter().map(|key| key.does).collect()
    }
}

#[test]
fn a_new_key_seals_at_once_or_after_its_lead() {
    let state = State::new();
    KeyFile::at(&state.path()).load_or_create(NOW_S).unwrap();
    let said = state.said(&What::Rotate { lead: 3600 }, NOW_S + 10);
    assert!(said.contains("seals in 3600 s: by then copy"), "{said}");
    assert_eq!(state.does(NOW_S + 11), [Does::WillSeal, Does::Seals]);
    assert_eq!(state.does(NOW_S + 3610), [Does::Seals, Does::Opens]);
    let said = state.said(&What::Rotate { lead: 0 }, NOW_S + 4000);
    assert!(said.contains("`holdfast reload`"), "{said}");
    assert_eq!(state.does(NOW_S + 4000), [Does::Seals, Does::Opens, Does::Opens]);
}

#[test]
fn the_key_that_is_told_of_is_the_new_one() {
    let state = State::new();
    KeyFile::at(&state.path()).load_or_create(NOW_S).unwrap();
    let before = fs::read_to_string(state.path()).unwrap();
    let said = state.said(&What::Rotate { lead: 60 }, NOW_S + 10);
    let id = &said["key ".len()..][..8];
    assert!(!before.contains(id), "{said}");
    assert!(fs::read_to_string(state.path()).unwrap().contains(id), "{said}");
}

#[test]
fn nothing_that_is_shown_is_secret() {
    let state = State::new();
    state.said(&What::Rotate { lead: 0 }, NOW_S);
    let text = fs::read_to_string(state.path()).unwrap();
    let keys = text.lines().filter(|line| !line.starts_with('#'));
    let secrets: Vec<&str> = keys.map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert!(!secrets.is_empty());
    for what in [
        What::Show { json: true },
        What::Show { json: false },
        What::Rotate { lead: 0 },
        What::Prune { older_than: 0 },
    ] {
        let said = state.said(&what, NOW_S);
        for secret in &secrets {
            assert!(!said.contains(secret), "{said}");
        }
    }
}

#[test]
fn keys_that_were_replaced_long_ago_go() {
    let state = State::new();
    KeyFile::at(&state.path()).load_or_create(NOW_S).unwrap();
    state.said(&What::Rotate { lead: 0 }, NOW_S + 100);
    let prune = What::Prune { older_than: 50 };
    let said = state.said(&prune, NOW_S + 149);
    assert!(said.contains("all 2 stay"), "{said}");
    let said = state.said(&prune, NOW_S + 150);
    assert!(said.contains("1 dropped, 1 left"), "{said}");
    assert_eq!(state.does(NOW_S + 150), [Does::Seals]);
}

#[test]
fn the_file_stays_its_owners_alone() {
    let state = State::new();
    state.said(&What::Rotate { lead: 0 }, NOW_S);
    state.said(&What::Prune { older_than: 0 }, NOW_S);
    let mode = fs::metadata(state.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn where_there_are_no_keys_it_is_said_who_makes_them() {
    let state = State::new();
    for what in [What::Show { json: false }, What::Prune { older_than: 0 }] {
        let refusal = said(&state.path(), &what, NOW_S).unwrap_err().to_string();
        assert!(
            refusal.contains("`holdfast keys rotate` makes one now"),
            "{refusal}"
        );
        assert!(!state.path().exists());
    }
}

#[test]
fn it_is_said_which_pool_a_prune_is_too_early_for() {
    let pool = |name: &str, idle: u32, kind: &str| {
        format!(
            "[[pool]]\nname = \"{name}\"\nsession_persistence = {{ type = \"{kind}\", idle_timeout_min = {idle} }}\n"
        )
    };
    let text = [
        "[datapath]\ninterfaces = [\"eth0\"]\n".to_owned(),
        pool("short", 10, "HTTP_COOKIE"),
        pool("long", 20, "HTTP_COOKIE"),
        pool("other", 60, "SOURCE_IP"),
        "[[load_balancer]]\nname = \"lb\"\nvip = \"192.0.2.1\"\n".to_owned(),
        "[[load_balancer.listener]]\nname = \"a\"\nprotocol = \"HTTP\"\nport = 80\npool = \"short\"\n"
            .to_owned(),
        "[[load_balancer.listener]]\nname = \"b\"\nprotocol = \"HTTP\"\nport = 81\npool = \"long\"\n"
            .to_owned(),
    ]
    .concat();
    let config = match config::parse(&text, "test.toml") {
        Ok(loaded) => loaded.config,
        Err(mistakes) => panic!("{mistakes:#}"),
    };
    let warning = too_early(&config, 1200).unwrap();
    assert!(
        warning.contains("pool long") && warning.contains("1260 s"),
        "{warning}"
    );
    assert_eq!(too_early(&config, 1260), None);
    assert_eq!(too_early(&Config::default(), 0), None);
}

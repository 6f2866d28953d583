//! What the command line says of sessions, and does to them.

use anyhow::Result;
use lb_tests::{Family, Laboratory, Persistence, Scene};

const PORT: u16 = 80;

#[test]
fn a_session_is_listed_until_it_is_dropped() -> Result<()> {
    let scene = Scene::start(Laboratory::routed(), PORT, &[1, 1], |pool| {
        pool.persistence(Persistence { idle_timeout_min: 20 })
    })?;
    let clients = [0, 1].map(|index| Family::V4.source(index));
    for client in clients {
        scene.client().ask_tcp(Some(client), scene.vip(Family::V4))?;
    }
    let [one, other] = clients.map(|client| client.to_string());
    let listed = |arguments: &[&str]| -> Result<Vec<Vec<String>>> {
        let output = scene.daemon().cli(&[&["sessions"], arguments].concat())?;
        let lines = String::from_utf8(output.stdout)?;
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        Ok(lines.lines().skip(1).map(words).collect())
    };
    assert_eq!(listed(&[])?.len(), 2);
    let of_one = listed(&["--client", &one])?;
    assert_eq!(of_one.len(), 1);
    assert_eq!(listed(&["--client", "0.0.0.0/0"])?.len(), 2);
    assert_eq!(listed(&["--client", &format!("{one}/32")])?.len(), 1);
    assert!(listed(&["--client", "203.0.113.0/24"])?.is_empty());
    assert!(listed(&["--cookie", "nobody's"])?.is_empty());
    let pool = of_one[0][0].clone();
    assert_eq!(listed(&["--pool", &pool])?.len(), 2);
    let member = of_one[0][2].clone();
    // A second may have passed: pool, client and member alone are as before.
    let of_member = listed(&["--member", &member])?;
    assert_eq!(of_member.len(), 1);
    assert_eq!(of_member[0][..3], of_one[0][..3]);
    for (option, what) in [("--pool", "pool"), ("--member", "member")] {
        let unknown = scene.daemon().cli(&["sessions", option, "another"])?;
        let said = String::from_utf8(unknown.stderr)?;
        assert!(!unknown.status.success());
        assert!(
            said.contains(&format!("there is no {what} \"another\"")),
            "{said}"
        );
    }

    assert!(
        scene
            .daemon()
            .cli(&["drop-session", &pool, &one])?
            .status
            .success()
    );
    let rest = listed(&[])?;
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0][1], other);

    let again = scene.daemon().cli(&["drop-session", &pool, &one])?;
    assert!(!again.status.success());
    assert_eq!(again.status.code(), Some(3), "there is no such session");
    assert!(String::from_utf8(again.stderr)?.contains("holds no session of"));
    Ok(())
}

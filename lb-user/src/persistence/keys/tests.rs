use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    thread,
};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const NOW_S: u32 = 1_800_000_000;

/// A place for a key file, in a directory that is not there yet.
fn place() -> (TempDir, KeyFile) {
    let directory = tempfile::tempdir().unwrap();
    let file = KeyFile::at(&directory.path().join("holdfast/keys"));
    (directory, file)
}

fn path(directory: &TempDir) -> std::path::PathBuf {
    directory.path().join("holdfast/keys")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn ids(ring: &KeyRing) -> Vec<u32> {
    ring.keys().iter().map(Key::id).collect()
}

fn error(text: &str) -> (usize, LineError) {
    KeyRing::parse(text).expect_err("the text is wrong")
}

#[test]
fn the_first_start_makes_a_key_that_later_starts_find() {
    let (directory, file) = place();
    assert!(file.load().unwrap().is_none());
    let made = file.load_or_create(NOW_S).unwrap();
    assert_eq!(made.keys().len(), 1);
    assert_eq!(ids(&file.load_or_create(NOW_S + 1).unwrap()), ids(&made));
    assert_eq!(mode(&path(&directory)), 0o600);
    assert_eq!(mode(path(&directory).parent().unwrap()), 0o700);
}

#[test]
fn what_is_kept_is_the_whole_ring() {
    let (_directory, file) = place();
    file.rotate(NOW_S, 3_600).unwrap();
    let (ring, _) = file.rotate(NOW_S + 5, 0).unwrap();
    let read = file.load().unwrap().unwrap();
    assert_eq!(format!("{:?}", read.keys()), format!("{:?}", ring.keys()));
    assert_eq!(read.to_text(), ring.to_text());
}

#[test]
fn a_file_that_others_may_read_is_refused_with_the_command_that_helps() {
    let (directory, file) = place();
    file.load_or_create(NOW_S).unwrap();
    for wrong in [0o640, 0o604, 0o620, 0o610] {
        fs::set_permissions(path(&directory), fs::Permissions::from_mode(wrong)).unwrap();
        let message = file.load_or_create(NOW_S).unwrap_err().to_string();
        assert!(message.contains("chmod 600 /"), "{message}");
        assert!(message.contains(&format!("mode {wrong:04o}")), "{message}");
    }
    fs::set_permissions(path(&directory), fs::Permissions::from_mode(0o400)).unwrap();
    file.load_or_create(NOW_S).expect("the owner alone may read it");
}

#[test]
fn a_file_of_another_user_is_refused() {
    let (directory, file) = place();
    file.load_or_create(NOW_S).unwrap();
    if std::os::unix::fs::chown(path(&directory), Some(65_534), None).is_err() {
        // Only root can give files away.
        return;
    }
    let message = file.load().unwrap_err().to_string();
    assert!(
        message.contains("belongs to user 65534") && message.contains("chown"),
        "{message}"
    );
}

#[test]
fn a_file_that_is_wrong_is_refused_and_stays_as_it_is() {
    let (directory, file) = place();
    file.load_or_create(NOW_S).unwrap();
    for text in ["", "# nothing", "what?", "\u{0}", &"#".repeat(70_000)] {
        fs::write(path(&directory), text).unwrap();
        assert!(file.load_or_create(NOW_S).is_err(), "{text}");
        assert!(file.rotate(NOW_S, 0).is_err(), "{text}");
        assert_eq!(fs::read_to_string(path(&directory)).unwrap(), text);
    }
    fs::write(path(&directory), [0xff; 80]).unwrap();
    assert!(matches!(file.load(), Err(KeyFileError::NoText { .. })));
}

#[test]
fn a_link_leads_to_the_file_that_is_replaced() {
    let (directory, file) = place();
    file.load_or_create(NOW_S).unwrap();
    let link = directory.path().join("link");
    symlink(path(&directory), &link).unwrap();
    KeyFile::at(&link).rotate(NOW_S, 0).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(file.load().unwrap().unwrap().keys().len(), 2);
}

#[test]
fn who_rotates_at_once_loses_no_key() {
    let (_directory, file) = place();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| file.rotate(NOW_S, 0).unwrap());
        }
    });
    assert_eq!(file.load().unwrap().unwrap().keys().len(), 9);
}

#[test]
fn starts_at_once_agree_on_the_first_key() {
    let (_directory, file) = place();
    let mut made: Vec<_> = thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| ids(&file.load_or_create(NOW_S).unwrap())))
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    made.dedup();
    assert_eq!(made.len(), 1);
}

#[test]
fn rotating_leaves_nothing_behind_but_the_file_and_its_lock() {
    let (directory, file) = place();
    file.rotate(NOW_S, 0).unwrap();
    let mut names: Vec<_> = fs::read_dir(path(&directory).parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["keys", "keys.lock"]);
}

#[test]
fn a_full_ring_loses_its_oldest_key() {
    let mut ring = KeyRing::begin(NOW_S).unwrap();
    let first = ring.keys()[0].id();
    for turn in 1..MOST_KEYS as u32 {
        assert_eq!(ring.rotate(NOW_S + turn, 0), Ok(None));
    }
    assert_eq!(ring.rotate(NOW_S + 100, 0), Ok(Some(first)));
    assert_eq!(ring.keys().len(), MOST_KEYS);
    assert!(ring.find(first).is_none());
}

#[test]
fn pruning_keeps_the_key_that_sealed_then_and_all_later_ones() {
    let mut ring = KeyRing::begin(NOW_S).unwrap();
    ring.rotate(NOW_S + 100, 0).unwrap();
    ring.rotate(NOW_S + 200, 0).unwrap();
    assert_eq!(ring.prune(NOW_S - 1), 0);
    assert_eq!(ring.prune(NOW_S + 150), 1);
    assert_eq!(ring.prune(NOW_S + 9_999), 1);
    assert_eq!(ring.prune(NOW_S + 9_999), 0);
    assert_eq!(ring.keys()[0].seals_from_s(), NOW_S + 200);
}

#[test]
fn a_clock_that_is_behind_all_keys_seals_with_the_first() {
    let mut ring = KeyRing::begin(NOW_S).unwrap();
    let first = ring.keys()[0].id();
    ring.rotate(NOW_S, 60).unwrap();
    assert_eq!(ring.sealing(0).unwrap().id(), first);
}

#[test]
fn lines_may_stand_in_any_order_and_between_comments() {
    let mut ring = KeyRing::begin(NOW_S).unwrap();
    ring.rotate(NOW_S + 1, 0).unwrap();
    let text = ring.to_text();
    let turned: Vec<&str> = text.lines().rev().collect();
    let read = KeyRing::parse(&turned.join("\n\n  # ours\n")).unwrap();
    assert_eq!(ids(&read), ids(&ring));
}

#[test]
fn an_error_names_the_line_and_what_would_be_right() {
    let text = KeyRing::begin(NOW_S).unwrap().to_text();
    let line = text.lines().last().unwrap();
    let [id, created, from, secret] = line.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{line}");
    };
    let with = |line: String| error(&format!("# ours\n{line}\n"));
    assert_eq!(with(format!("{id} {created} {from}")), (2, LineError::Words(3)));
    assert_eq!(with(format!("{line} more")), (2, LineError::Words(5)));
    assert_eq!(with(format!("+{} {created} {from} {secret}", &id[1..])).0, 2);
    assert_eq!(
        with(format!("{id} +1 {from} {secret}")).1,
        LineError::Time("+1".into())
    );
    assert_eq!(
        with(format!("{id} {created} 99999999999 {secret}")).1,
        LineError::Time("99999999999".into())
    );
    assert_eq!(
        with(format!("{id} {created} {from} {}", &secret[1..])).1,
        LineError::Secret
    );
    assert_eq!(with(format!("{line}\n{line}")), (3, LineError::Twice));
    let another = KeyRing::begin(NOW_S).unwrap().to_text();
    let other_secret = another.trim_end().rsplit(' ').next().unwrap();
    let mixed = format!("{id} {created} {from} {other_secret}");
    assert!(matches!(with(mixed), (2, LineError::OtherSecret { .. })));
    assert_eq!(error("# ours\n\n"), (2, LineError::NoKey));
}

#[test]
fn more_keys_than_are_kept_are_refused_not_dropped() {
    let line = || {
        let text = KeyRing::begin(NOW_S).unwrap().to_text();
        text.lines().last().unwrap().to_owned()
    };
    let lines: Vec<String> = (0..=MOST_KEYS).map(|_| line()).collect();
    assert_eq!(error(&lines.join("\n")), (MOST_KEYS + 1, LineError::TooMany));
}

#[test]
fn no_secret_gets_into_logs() {
    let ring = KeyRing::begin(NOW_S).unwrap();
    let text = ring.to_text();
    let secret = text.trim_end().rsplit(' ').next().unwrap();
    let bytes = format!("{:?}", ring.keys()[0].secret.0);
    let shown = format!("{ring:?} {ring:#?}");
    assert!(shown.contains(&format!("{:08x}", ring.keys()[0].id())));
    assert!(!shown.contains(secret) && !shown.contains(&bytes), "{shown}");
    let mangled = text.replace(secret, &secret[1..]);
    assert!(!error(&mangled).1.to_string().contains(&secret[1..]));
}

proptest! {
    #[test]
    fn no_text_is_too_strange_to_be_refused(text in "\\PC*", lines in "([0-9a-f]{8} [0-9]{1,12} [0-9]{1,12} [A-Za-z0-9_-]{40,46}\n){0,3}") {
        let _ = KeyRing::parse(&text);
        let _ = KeyRing::parse(&lines);
    }
}

//! What is wrong with a file before anything is wrong in it.

use std::path::Path;

use super::super::{LARGEST_FILE, control_socket_of, load, parse};
use super::INTERFACES;

fn message(path: &Path) -> String {
    load(path).unwrap_err().to_string()
}

#[test]
fn a_file_that_is_not_there_is_named() {
    assert_eq!(
        message(Path::new("/nowhere/holdfast.toml")),
        "/nowhere/holdfast.toml: cannot be read: No such file or directory (os error 2)"
    );
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for path in [
        Path::new("/"),
        Path::new("/dev/zero"),
        Path::new("/dev/null"),
        &pipe,
    ] {
        assert_eq!(
            message(path),
            format!(
                "{}: cannot be read: it is no regular file; write the configuration to one, and name that",
                path.display()
            )
        );
    }
}

#[test]
fn the_largest_text_is_read_and_a_larger_one_refused() {
    let comment = INTERFACES.to_owned() + &"#".repeat(LARGEST_FILE - INTERFACES.len());
    assert!(parse(&comment, "a.toml").is_ok());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.toml");
    std::fs::write(&path, comment + "#").unwrap();
    let expected = format!(
        "{}: is too large; a configuration has at most 16 MiB",
        path.display()
    );
    assert_eq!(message(&path), expected);
}

#[test]
fn bytes_that_are_no_text_are_pointed_at() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("latin1.toml");
    std::fs::write(&path, b"[daemon]\n# caf\xe9\n").unwrap();
    let expected = format!(
        "{}:2:6: this byte is not UTF-8; save the file as UTF-8 text",
        path.display()
    );
    assert_eq!(message(&path), expected);
}

#[test]
fn where_the_daemon_answers_is_found_also_beside_mistakes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("holdfast.toml");
    let own = Some(std::path::PathBuf::from("/run/own.sock"));
    for (text, expected) in [
        ("daemon.control_socket = \"/run/own.sock\"\npool = 1", &own),
        (
            "[daemon]\n# control_socket = \"/no\"\ncontrol_socket = '/run/own.sock' # \"/no\"\n[[pool",
            &own,
        ),
        ("[api]\ncontrol_socket = \"/no\"", &None),
        ("[daemon]\ncontrol_socket = 1", &None),
        ("\u{0}", &None),
    ] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(control_socket_of(&path), *expected, "{text}");
    }
    assert_eq!(control_socket_of(directory.path()), None);
    assert_eq!(control_socket_of(&directory.path().join("none")), None);
}

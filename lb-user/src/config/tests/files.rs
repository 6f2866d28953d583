//! What is wrong with a file before anything is wrong in it.

use std::path::Path;

use super::super::{LARGEST_FILE, load, parse};

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
fn a_directory_is_no_file() {
    assert_eq!(
        message(Path::new("/")),
        "/: cannot be read: Is a directory (os error 21)"
    );
}

#[test]
fn a_file_without_end_is_not_read_to_its_end() {
    assert_eq!(
        message(Path::new("/dev/zero")),
        "/dev/zero: is too large; a configuration has at most 16 MiB"
    );
}

#[test]
fn the_largest_text_is_read_and_a_larger_one_refused() {
    let comment = "#".repeat(LARGEST_FILE);
    assert!(parse(&comment, "a.toml").is_ok());
    let error = parse(&(comment + "#"), "a.toml").unwrap_err();
    assert_eq!(
        error.to_string(),
        "a.toml: is too large; a configuration has at most 16 MiB"
    );
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

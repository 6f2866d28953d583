//! The choice of the compiler, case by case.

use super::*;
use crate::setup::compiler::{Origin, Source, samples::good};

fn toolchain(name: &str, standing: Standing, state: ToolchainState) -> RustupToolchain {
    RustupToolchain {
        name: name.to_owned(),
        standing,
        state,
    }
}

fn complete(name: &str, standing: Standing) -> RustupToolchain {
    let compiler = good(Origin::Rustup(name.to_owned()), "1.97.0");
    toolchain(name, standing, ToolchainState::Complete(compiler))
}

fn debian(release: &str) -> Debian {
    Debian {
        compiler: Some(good(Origin::Debian, release)),
        conflicts: Vec::new(),
    }
}

fn chosen(found: &Found) -> Origin {
    match choose(found, Installer::Absent, Attempt::First) {
        Choice::Use(compiler) => compiler.origin,
        other => panic!("nothing was chosen: {other:?}"),
    }
}

fn refusal(found: &Found, installer: Installer, attempt: Attempt) -> String {
    match choose(found, installer, attempt) {
        Choice::Stop(why) => why,
        other => panic!("this was not refused: {other:?}"),
    }
}

#[test]
fn a_named_compiler_comes_before_all_others() {
    let found = Found {
        named: Some(Ok(good(Origin::Named, "1.96.0"))),
        rustup: vec![complete("nightly", Standing::Default)],
        debian: debian("1.96.0"),
    };
    assert_eq!(chosen(&found), Origin::Named);
}

#[test]
fn a_named_compiler_that_will_not_do_is_refused_and_not_replaced() {
    let named = Compiler {
        source: Source::Missing,
        ..good(Origin::Named, "1.96.0")
    };
    let found = Found {
        named: Some(Ok(named)),
        debian: debian("1.96.0"),
        ..Found::default()
    };
    let why = refusal(&found, Installer::AptGet, Attempt::First);
    assert!(why.contains(NAMING_VARIABLE) && why.contains("rust-src"), "{why}");
}

#[test]
fn among_toolchains_nightly_comes_first_then_the_default_then_any() {
    let others = || {
        vec![
            complete("1.97.0", Standing::Other),
            complete("stable", Standing::Default),
        ]
    };
    let mut found = Found {
        rustup: others(),
        ..Found::default()
    };
    assert_eq!(chosen(&found), Origin::Rustup("stable".to_owned()));
    found.rustup.push(complete("nightly-x86_64", Standing::Other));
    assert_eq!(chosen(&found), Origin::Rustup("nightly-x86_64".to_owned()));
    found.rustup = vec![complete("1.97.0", Standing::Other)];
    assert_eq!(chosen(&found), Origin::Rustup("1.97.0".to_owned()));
}

#[test]
fn a_nightly_that_is_too_old_gives_way_to_the_default_toolchain() {
    let old = good(Origin::Rustup("nightly".to_owned()), "1.80.0-nightly");
    let found = Found {
        rustup: vec![
            toolchain("nightly", Standing::Other, ToolchainState::Complete(old)),
            complete("stable", Standing::Default),
        ],
        ..Found::default()
    };
    assert_eq!(chosen(&found), Origin::Rustup("stable".to_owned()));
}

#[test]
fn toolchains_without_source_give_way_to_debian() {
    let found = Found {
        rustup: vec![toolchain(
            "stable",
            Standing::Default,
            ToolchainState::WithoutSource,
        )],
        debian: debian("1.96.0"),
        ..Found::default()
    };
    assert_eq!(chosen(&found), Origin::Debian);
}

#[test]
fn debians_packages_are_installed_when_nothing_is_there() {
    assert_eq!(
        choose(&Found::default(), Installer::AptGet, Attempt::First),
        Choice::InstallDebian
    );
}

#[test]
fn an_old_package_is_upgraded_once() {
    let found = Found {
        debian: debian("1.85.0"),
        ..Found::default()
    };
    assert_eq!(
        choose(&found, Installer::AptGet, Attempt::First),
        Choice::InstallDebian
    );
    let why = refusal(&found, Installer::AptGet, Attempt::AfterInstall);
    assert!(why.contains("older"), "{why}");
}

#[test]
fn installed_packages_are_never_replaced() {
    let conflicts = vec!["rustc".to_owned()];
    let found = Found {
        debian: Debian {
            compiler: None,
            conflicts,
        },
        ..Found::default()
    };
    let why = refusal(&found, Installer::AptGet, Attempt::First);
    assert!(
        why.contains("rustc-web would replace the installed package rustc"),
        "{why}"
    );
    assert!(!why.contains("apt-get install"), "{why}");
}

#[test]
fn without_root_the_user_is_told_every_way_out() {
    let found = Found {
        rustup: vec![toolchain(
            "stable",
            Standing::Default,
            ToolchainState::WithoutSource,
        )],
        ..Found::default()
    };
    let why = refusal(&found, Installer::NotRoot, Attempt::First);
    for way in [
        "rustup component add rust-src",
        "apt-get install",
        NAMING_VARIABLE,
        "rustup's stable will not do",
    ] {
        assert!(why.contains(way), "{way} is missing in: {why}");
    }
}

#[test]
fn without_rustup_nobody_is_sent_to_rustup() {
    let why = refusal(&Found::default(), Installer::Absent, Attempt::First);
    assert!(!why.contains("rustup component"), "{why}");
    assert!(why.contains("no apt-get"), "{why}");
}

//! No text makes the parser panic, and whatever it accepts is the same again once it is rendered.

use proptest::prelude::*;

use super::super::{Diagnostics, Loaded, parse, render};

const EXAMPLES: [&str; 4] = [
    include_str!("../../../../examples/minimal.toml"),
    include_str!("../../../../examples/holdfast.toml"),
    include_str!("../../../../examples/direct-return.toml"),
    super::policies::EXAMPLE,
];

/// Values that are right for some key, and wrong for most.
const VALUES: [&str; 19] = [
    "0",
    "-1",
    "257",
    "65536",
    "9223372036854775808",
    "1.5",
    "nan",
    "true",
    "\"\"",
    "\"SOURCE_IP\"",
    "\"ipip\"",
    "\"REJECT\"",
    "\"REGEX\"",
    "\"/(\"",
    "\"192.0.2.10\"",
    "\"2001:db8::1\"",
    "[]",
    "[1, 2, 3]",
    "{ type = \"UDP\" }",
];

fn check(text: &str) -> Result<(), TestCaseError> {
    match parse(text, "random.toml") {
        Ok(Loaded { config, .. }) => {
            let rendered = render(&config).unwrap();
            let back = parse(&rendered, "rendered.toml").map(|loaded| loaded.config);
            prop_assert_eq!(back, Ok(config));
        }
        Err(diagnostics) => check_diagnostics(text, &diagnostics)?,
    }
    Ok(())
}

fn check_diagnostics(text: &str, diagnostics: &Diagnostics) -> Result<(), TestCaseError> {
    prop_assert!(!diagnostics.as_slice().is_empty());
    let lines = text.split('\n').count();
    for diagnostic in diagnostics.as_slice() {
        let position = diagnostic.position.unwrap();
        prop_assert!((1..=lines).contains(&position.line) && position.column >= 1);
        prop_assert!(
            !diagnostic.to_string().contains(char::is_control),
            "{:?}",
            diagnostic
        );
        let shown = format!("{diagnostic:#}");
        prop_assert!(shown.lines().count() <= 3, "{}", shown);
    }
    Ok(())
}

/// An example with some lines left out, doubled or given another value, or cut and patched anywhere.
fn spoilt() -> impl Strategy<Value = String> {
    let value = prop::sample::select(VALUES.to_vec());
    let change = (any::<prop::sample::Index>(), 0..4_u8, value, any::<char>());
    (
        prop::sample::select(EXAMPLES.to_vec()),
        prop::collection::vec(change, 1..6),
    )
        .prop_map(|(example, changes)| {
            let mut lines: Vec<String> = example.lines().map(Into::into).collect();
            for (index, change, value, any) in changes {
                let at = index.index(lines.len());
                match (change, lines[at].split_once('=')) {
                    (0, _) => drop(lines.remove(at)),
                    (1, _) => lines.insert(at, lines[at].clone()),
                    (2, Some((key, _))) => lines[at] = format!("{key}= {value}"),
                    _ => {
                        let mut line: Vec<char> = lines[at].chars().collect();
                        line.insert(index.index(line.len() + 1), any);
                        lines[at] = line.into_iter().collect();
                    }
                }
            }
            lines.join("\n")
        })
}

proptest! {
    #[test]
    fn random_bytes_are_no_reason_to_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn random_toml_signs_are_no_reason_to_panic(text in "([\\[\\]{}=.,\"'#\n a-c0-9é]|pool|member|name|\\[\\[){0,80}") {
        check(&text)?;
    }

    #[test]
    fn spoilt_files_are_no_reason_to_panic(text in spoilt()) {
        check(&text)?;
    }

    #[test]
    fn any_value_may_stand_under_any_key(at in any::<prop::sample::Index>(), value in "\\PC{0,20}") {
        for example in EXAMPLES {
            let keys: Vec<_> = example.match_indices(" = ").collect();
            let (at, equals) = keys[at.index(keys.len())];
            let end = example[at..].find('\n').map_or(example.len(), |end| at + end);
            check(&format!("{}{equals}{value:?}{}", &example[..at], &example[end..]))?;
        }
    }
}

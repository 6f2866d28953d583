use super::*;

const WEIGHT: Integer<u16> = Integer { low: 0, high: 256 };

#[test]
fn numbers_are_taken_as_numbers_and_as_strings() {
    for given in [json!(256), json!("256"), json!(256.0)] {
        assert_eq!(WEIGHT.read(&given), Ok(256));
    }
    for (given, says) in [
        (json!(257), "lower or equal to 256"),
        (json!(99_999_999_999_i64), "lower or equal to 256"),
        (json!(-1), "greater or equal to 0"),
        (json!("many"), "an integer"),
        (json!([1]), "an integer"),
    ] {
        assert!(WEIGHT.read(&given).unwrap_err().contains(says), "{given}");
    }
}

#[test]
fn a_boolean_has_many_names_and_no_unclear_ones() {
    for given in [json!(true), json!("True"), json!(1), json!("yes")] {
        assert_eq!(Boolean.read(&given), Ok(true));
    }
    for given in [json!(false), json!("False"), json!(0), json!("off")] {
        assert_eq!(Boolean.read(&given), Ok(false));
    }
    assert!(Boolean.read(&json!("perhaps")).is_err());
    assert!(Boolean.read(&json!({})).is_err());
}

#[test]
fn a_text_is_counted_in_characters() {
    assert!(Text::SHORT.read(&json!("ü".repeat(255))).is_ok());
    assert!(Text::SHORT.read(&json!("ü".repeat(256))).is_err());
    assert!(Text::SHORT.read(&json!(7)).is_err());
    assert!(Text::SHORT.read(&json!("a\0")).is_err());
}

#[test]
fn what_a_message_quotes_is_short() {
    assert_eq!(written(&json!("a".repeat(300))).len(), 203);
}

#[test]
fn what_a_message_quotes_is_noted_as_the_service_notes_it() {
    assert_eq!(
        written(&json!(["h3", null, {"a": true}])),
        "['h3', None, {'a': True}]"
    );
}

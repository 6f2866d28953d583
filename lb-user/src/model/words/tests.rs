//! One word stands for a value everywhere.

use super::*;

fn one_word_for_all_uses<T>()
where
    T: Word + PartialEq + fmt::Debug + fmt::Display + Serialize + for<'de> Deserialize<'de>,
{
    for &value in T::ALL {
        let json = serde_json::to_string(&value).unwrap();
        assert_eq!(json, format!("\"{value}\""));
        assert_eq!(serde_json::from_str::<T>(&json).unwrap(), value);
        assert_eq!(T::from_word(value.word()), Some(value));
    }
}

#[test]
fn a_word_is_the_same_in_the_configuration_the_api_and_for_people() {
    one_word_for_all_uses::<XdpMode>();
    one_word_for_all_uses::<ClosedPort>();
    one_word_for_all_uses::<LbKind>();
    one_word_for_all_uses::<Protocol>();
    one_word_for_all_uses::<Transport>();
    one_word_for_all_uses::<LbAlgorithm>();
    one_word_for_all_uses::<ForwardingMode>();
    one_word_for_all_uses::<PersistenceType>();
    one_word_for_all_uses::<ProbeType>();
    one_word_for_all_uses::<HttpMethod>();
    one_word_for_all_uses::<ActionType>();
    one_word_for_all_uses::<RuleType>();
    one_word_for_all_uses::<CompareType>();
    one_word_for_all_uses::<OperatingStatus>();
    one_word_for_all_uses::<ClientHeader>();
    one_word_for_all_uses::<ForwardedMode>();
    one_word_for_all_uses::<ProxyProtocol>();
}

#[test]
fn words_line_up_in_columns() {
    assert_eq!(format!("{:<12}|", OperatingStatus::Online), "ONLINE      |");
}

#[test]
fn http_and_https_are_carried_by_tcp() {
    let carried = Protocol::ALL
        .iter()
        .map(|protocol| protocol.transport().ip_protocol());
    assert_eq!(carried.collect::<Vec<_>>(), [6, 17, 6, 6]);
}

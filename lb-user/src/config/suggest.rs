//! What a word that nobody knows was most likely meant to be.

/// Words of other load balancers, and what they are called here.
const ELSEWHERE: [(&str, &str); 13] = [
    ("enabled", "admin_state_up"),
    ("vip_address", "vip"),
    ("protocol_port", "port"),
    ("default_pool", "pool"),
    ("lb_algorithm", "algorithm"),
    ("address_port", "port"),
    ("delay", "delay_s"),
    ("timeout", "timeout_s"),
    ("max_retries", "rise"),
    ("max_retries_down", "fall"),
    ("domain_name", "http_host"),
    ("persistence_timeout", "idle_timeout_min"),
    ("ip_address", "address"),
];

/// The candidate that `given` was most likely meant to be.
pub(crate) fn closest<'c>(given: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // Long words are never typed, and comparing them takes the square of their length.
    if given.len() > 100 {
        return None;
    }
    let lower = given.to_lowercase();
    let elsewhere = ELSEWHERE
        .iter()
        .find(|(foreign, _)| *foreign == lower)
        .map(|(_, ours)| *ours);
    let nearest = candidates.into_iter().filter_map(|candidate| {
        if elsewhere == Some(candidate) {
            return Some((0, candidate));
        }
        let bound = (lower.chars().count() / 3).max(1);
        if candidate.len().abs_diff(lower.len()) > bound * 4 {
            return None;
        }
        let distance = strsim::osa_distance(&lower, &candidate.to_lowercase());
        (distance <= bound && distance < lower.chars().count()).then_some((distance, candidate))
    });
    nearest
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_word_is_suggested_if_any_is_close() {
        let words = ["weight", "port", "address", "rise"];
        let closest = |given| closest(given, words);
        assert_eq!(closest("wieght"), Some("weight"));
        assert_eq!(closest("Weight"), Some("weight"));
        assert_eq!(closest("prot"), Some("port"));
        assert_eq!(closest("max_retries"), Some("rise"));
        assert_eq!(closest("colour"), None);
        assert_eq!(closest(""), None);
        assert_eq!(super::closest("a", ["b", "A"]), Some("A"));
        assert_eq!(closest(&"port".repeat(30)), None);
    }
}

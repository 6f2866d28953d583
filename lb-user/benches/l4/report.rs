//! What the results of packets are compared with, and what they are to be at most.

pub(crate) use lb_tests::report::{Report, Row, median};

use super::{
    FLOOR,
    case::{Case, Kind},
};

/// Takes in what a packet costs beyond the floor. Of an established flow the ratio is to the floor, and net of it; of a new
/// flow to a packet of an established one.
pub(crate) fn add_packets(report: &mut Report, case: &Case, net_ns: f64) {
    let floor_ns = report.value(FLOOR).unwrap_or(f64::NAN);
    let value_ns = net_ns + floor_ns;
    let row = Row::new(case.to_string(), value_ns, "ns");
    let established = case.established().to_string();
    let row = match (case.kind, report.value(&established)) {
        (Kind::Held | Kind::New, Some(base_ns)) => row.against(value_ns / base_ns, established),
        _ => row.against(net_ns / floor_ns, FLOOR.to_owned()),
    };
    if let (Some(bound), Some(ratio)) = (case.bound(), row.ratio) {
        let beyond = ratio > bound;
        report.bound(beyond.then(|| format!("{case} is {ratio:.2}, and was to be {bound} at most")));
    }
    report.add(row);
}

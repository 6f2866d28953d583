//! All results side by side: a line a case, a column a proxy.

use std::fmt::Write as _;

use lb_tests::report::Row;

use crate::proxy::Proxy;

pub(crate) fn of(rows: &[Row], proxies: &[Proxy]) -> String {
    let mut cases: Vec<&str> = rows.iter().map(case).collect();
    cases.dedup();
    let mut table = format!("{:<40}", "case");
    for proxy in proxies {
        // Writing to a string does not fail.
        let _ = write!(table, "{:>12} {:>6}", proxy.to_string(), "");
    }
    table.push('\n');
    for name in cases {
        let _ = write!(table, "{name:<40}");
        let mut unit = "";
        for proxy in proxies {
            let full = format!("{name}/{proxy}");
            let cell = match rows.iter().find(|row| row.case == full) {
                Some(row) => {
                    unit = row.unit;
                    let ratio = row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
                    format!("{:>12.0} {ratio:>6}", row.value)
                }
                None => format!("{:>12} {:>6}", "-", ""),
            };
            table.push_str(&cell);
        }
        let _ = writeln!(table, "  {unit}");
    }
    table
}

/// The name of its case without the proxy.
fn case(row: &Row) -> &str {
    row.case
        .rsplit_once('/')
        .map_or(row.case.as_str(), |(case, _)| case)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_cannot_do_it_has_a_dash() {
        let row = |name: &str, value| Row::new(format!("l7/x/{name}"), value, "B");
        let rows = [
            row("holdfast", 300.0).against(0.75, "l7/x/haproxy".to_owned()),
            row("haproxy", 400.0),
        ];
        let table = of(&rows, &Proxy::ALL);
        let words: Vec<_> = table.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words, ["l7/x", "300", "0.75", "400", "-", "B"]);
    }
}

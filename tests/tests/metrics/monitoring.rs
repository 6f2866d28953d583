//! The alert rules and the dashboard are what Prometheus and Grafana can read, and of what there is.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use promql_parser::label::MatchOp;
use promql_parser::parser::{AggregateExpr, Expr, LabelModifier, VectorSelector, parse, token};
use serde::Deserialize;
use serde_json::Value;

use crate::promql;

const RULES: &str = include_str!("../../../monitoring/prometheus-rules.yml");
const DASHBOARD: &str = include_str!("../../../monitoring/grafana-dashboard.json");
const TABLE: &str = include_str!("../../../lb-user/src/metrics/metrics.md");
const BOOK: &str = include_str!("../../../docs/src/alerts.md");
/// What Prometheus adds to all that it reads.
const ADDED: [&str; 2] = ["instance", "job"];

/// An alert.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) alert: String,
    pub(crate) expr: String,
    r#for: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

/// All alerts.
pub(crate) fn rules() -> Result<Vec<Rule>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        groups: Vec<Group>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Group {
        #[expect(dead_code, reason = "it has to be there")]
        name: String,
        rules: Vec<Rule>,
    }
    let file: File = serde_saphyr::from_str(RULES)?;
    Ok(file.groups.into_iter().flat_map(|group| group.rules).collect())
}

/// What is drawn: an expression, without the variables of Grafana, and what its lines are called.
fn drawn() -> Result<Vec<(String, String)>> {
    fn collect(value: &Value, found: &mut Vec<(String, String)>) {
        if let (Some(expression), Some(legend)) = (value["expr"].as_str(), value["legendFormat"].as_str()) {
            let expression = expression
                .replace("$__rate_interval", "5m")
                .replace("$instance", ".*");
            found.push((expression, legend.to_owned()));
        }
        match value {
            Value::Array(all) => all.iter().for_each(|one| collect(one, found)),
            Value::Object(all) => all.values().for_each(|one| collect(one, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(&serde_json::from_str(DASHBOARD)?, &mut found);
    ensure!(
        found.len() > 20 && found.iter().all(|(drawn, _)| !drawn.contains('$')),
        "{found:#?}"
    );
    Ok(found)
}

/// Everything that asks for metrics, by whom.
pub(crate) fn expressions() -> Result<Vec<(String, Expr)>> {
    let alerts = rules()?.into_iter().map(|rule| (rule.alert, rule.expr));
    let drawn = drawn()?.into_iter().map(|(drawn, _)| (drawn.clone(), drawn));
    let all = alerts.chain(drawn).map(|(who, text)| {
        let parsed = parse(&text).map_err(|error| anyhow::anyhow!("{who}: {error}: {text}"));
        Ok((who, parsed?))
    });
    all.collect()
}

/// A metric as it is documented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Documented {
    pub(crate) kind: String,
    pub(crate) labels: BTreeSet<String>,
    pub(crate) help: String,
}

/// All that are documented, by name.
pub(crate) fn documented() -> Result<BTreeMap<String, Documented>> {
    let rows = TABLE.lines().filter(|line| line.starts_with("| `"));
    let all = rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').splitn(4, '|').map(str::trim).collect();
        let [name, kind, labels, help] = cells[..] else {
            bail!("not a row: {row}");
        };
        let labels = labels.split(", ").filter(|label| !label.is_empty());
        let documented = Documented {
            kind: kind.to_owned(),
            labels: labels.map(|label| label.trim_matches('`').to_owned()).collect(),
            help: help.to_owned(),
        };
        Ok((name.trim_matches('`').to_owned(), documented))
    });
    all.collect()
}

/// The labels of what an expression comes to; none of a number. An error where it asks for what there is not, or for the
/// wrong thing.
fn labels_of(expression: &Expr) -> Result<Option<BTreeSet<String>>> {
    match expression {
        Expr::NumberLiteral(_) => Ok(None),
        Expr::Paren(paren) => labels_of(&paren.expr),
        Expr::VectorSelector(selector) => selected(selector, &["gauge", "histogram"]).map(Some),
        Expr::MatrixSelector(matrix) => selected(&matrix.vs, &["counter", "histogram"]).map(Some),
        Expr::Aggregate(AggregateExpr { expr, modifier, .. }) => {
            let inner = labels_of(expr)?.context("a number is not added up")?;
            let Some(LabelModifier::Include(by)) = modifier else {
                ensure!(modifier.is_none(), "nobody has taught the tests {expression}");
                return Ok(Some(BTreeSet::new()));
            };
            let by: BTreeSet<String> = by.labels.iter().cloned().collect();
            ensure!(by.is_subset(&inner), "{by:?} is not in {inner:?}");
            Ok(Some(by))
        }
        Expr::Binary(binary) => {
            let (left, right) = (labels_of(&binary.lhs)?, labels_of(&binary.rhs)?);
            let modifier = binary.modifier.as_ref();
            if let Some(LabelModifier::Include(on)) = modifier.and_then(|modifier| modifier.matching.as_ref())
            {
                for label in &on.labels {
                    let has =
                        |side: &Option<BTreeSet<String>>| side.as_ref().is_some_and(|of| of.contains(label));
                    ensure!(
                        has(&left) && has(&right),
                        "{label} is not of both sides of {binary}"
                    );
                }
                // These leave values out; what is reckoned of two has only the labels by which they were matched.
                let keeps_left = matches!(binary.op.id(), token::T_LAND | token::T_LUNLESS);
                return Ok(if keeps_left {
                    left
                } else {
                    Some(on.labels.iter().cloned().collect())
                });
            }
            if let (Some(left), Some(right)) = (&left, &right) {
                ensure!(
                    left == right,
                    "what is of {left:?} never matches what is of {right:?}"
                );
            }
            Ok(left.or(right))
        }
        Expr::Call(call) => {
            if let ("changes", [argument]) = (call.func.name, call.args.args.as_slice())
                && let Expr::MatrixSelector(matrix) = &**argument
            {
                return selected(&matrix.vs, &["gauge"]).map(Some);
            }
            let arguments = call.args.args.iter().map(|argument| labels_of(argument));
            let mut vectors = arguments.collect::<Result<Vec<_>>>()?.into_iter().flatten();
            match call.func.name {
                "time" => Ok(None),
                "vector" => Ok(Some(BTreeSet::new())),
                // Of what is not there only that is known by which it was looked for.
                "absent" => Ok(Some(["job".to_owned()].into())),
                "rate" => Ok(vectors.next()),
                "histogram_quantile" => {
                    let mut labels = vectors.next().context("there are buckets")?;
                    ensure!(labels.remove("le"), "these are no buckets: {labels:?}");
                    Ok(Some(labels))
                }
                other => bail!("nobody has taught the tests {other}"),
            }
        }
        other => bail!("nobody has taught the tests {other}"),
    }
}

/// The labels of what a selector finds. What only grows is looked at by its rate, and what goes up and down is not.
fn selected(selector: &VectorSelector, kinds: &[&str]) -> Result<BTreeSet<String>> {
    let name = selector.name.as_deref().context("a metric has a name")?;
    let mut labels: BTreeSet<String> = ADDED.map(str::to_owned).into();
    if name != "up" {
        let all = documented()?;
        let ends = ["_bucket", "_count", "_sum"];
        let mut shorter = ends.iter().filter_map(|end| name.strip_suffix(end));
        let found = all.get(name).filter(|found| found.kind != "histogram");
        let found = found.or_else(|| {
            shorter
                .find_map(|name| all.get(name))
                .filter(|found| found.kind == "histogram")
        });
        let found = found.with_context(|| format!("there is no {name}"))?;
        ensure!(kinds.contains(&found.kind.as_str()), "{name} is a {}", found.kind);
        labels.extend(found.labels.iter().cloned());
        if name.ends_with("_bucket") {
            labels.insert("le".to_owned());
        }
    }
    for matcher in promql::all(&selector.matchers)? {
        ensure!(
            labels.contains(&matcher.name),
            "{name} has no label {}, but {labels:?}",
            matcher.name
        );
    }
    Ok(labels)
}

/// The values of labels that an expression asks for: name and value of each.
pub(crate) fn values_asked_for(expression: &Expr) -> Vec<(String, String)> {
    let of_selector = |selector: &VectorSelector| {
        let matchers = selector.matchers.matchers.iter();
        let fixed = matchers.filter(|matcher| !ADDED.contains(&matcher.name.as_str()));
        let values = fixed.flat_map(|matcher| {
            let values: Vec<&str> = match matcher.op {
                MatchOp::Equal | MatchOp::NotEqual => vec![&matcher.value],
                MatchOp::Re(_) | MatchOp::NotRe(_) => matcher.value.split('|').collect(),
            };
            let name = matcher.name.clone();
            values
                .into_iter()
                .map(move |value| (name.clone(), value.to_owned()))
        });
        values.collect()
    };
    match expression {
        Expr::Paren(paren) => values_asked_for(&paren.expr),
        Expr::VectorSelector(selector) => of_selector(selector),
        Expr::MatrixSelector(matrix) => of_selector(&matrix.vs),
        Expr::Aggregate(aggregate) => values_asked_for(&aggregate.expr),
        Expr::Binary(binary) => [&binary.lhs, &binary.rhs]
            .map(|side| values_asked_for(side))
            .concat(),
        Expr::Call(call) => {
            let arguments = call.args.args.iter();
            arguments
                .flat_map(|argument| values_asked_for(argument))
                .collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn alerts_and_dashboard_are_promql_of_metrics_and_labels_that_there_are() -> Result<()> {
    for (who, expression) in expressions()? {
        let labels = labels_of(&expression).with_context(|| format!("{who}: {expression}"))?;
        assert!(labels.is_some(), "{who} is a number");
    }
    Ok(())
}

#[test]
fn an_expression_of_what_there_is_not_is_found_out() -> Result<()> {
    for (expression, complaint) in [
        ("holdfast_pool_state == 1", "there is no holdfast_pool_state"),
        ("holdfast_pool_status{state=\"ERROR\"} == 1", "has no label state"),
        ("sum by (listener) (holdfast_sessions)", "is not in"),
        ("holdfast_http_requests_total > 0", "is a counter"),
        ("rate(holdfast_sessions[5m])", "is a gauge"),
        ("holdfast_sessions / holdfast_table_capacity", "never matches"),
        ("histogram_quantile(0.9, holdfast_sessions)", "no buckets"),
        (
            "holdfast_pool_status unless on (listener) holdfast_listener_status",
            "not of both sides",
        ),
        (
            "sum by (pool) (holdfast_sessions / on (pool_id) holdfast_sessions)",
            "is not in",
        ),
        ("rate(holdfast_apply_duration_seconds[5m])", "there is no"),
    ] {
        let parsed = parse(expression).map_err(anyhow::Error::msg)?;
        let refused = labels_of(&parsed).expect_err(expression).to_string();
        assert!(refused.contains(complaint), "{expression}: {refused}");
    }
    Ok(())
}

#[test]
fn alerts_and_legends_name_labels_that_their_expressions_leave() -> Result<()> {
    let labels = |text: &str| -> Result<BTreeSet<String>> {
        let parsed = parse(text).map_err(anyhow::Error::msg)?;
        Ok(labels_of(&parsed)?.unwrap_or_default())
    };
    for rule in rules()? {
        let left = labels(&rule.expr)?;
        for text in rule.annotations.values() {
            for named in text.split("$labels.").skip(1) {
                let end = named.find(|letter: char| !letter.is_ascii_lowercase() && letter != '_');
                let named = &named[..end.unwrap_or(named.len())];
                assert!(left.contains(named), "{}: no {named} in {left:?}", rule.alert);
            }
        }
    }
    for (drawn, legend) in drawn()? {
        let left = labels(&drawn)?;
        for named in legend.split("{{").skip(1) {
            let named = named.split("}}").next().unwrap_or_default();
            assert!(left.contains(named), "{drawn}: no {named} in {left:?}");
        }
    }
    Ok(())
}

/// What people call something need not be its own: things of different projects are called the same.
#[test]
fn things_that_are_called_the_same_are_not_added_up() -> Result<()> {
    let things = ["load_balancer", "listener", "pool", "member", "policy"];
    let sums = expressions()?.into_iter().flat_map(|(who, expression)| {
        let text = expression.to_string();
        let by = text.split("by (").skip(1);
        let by = by.map(|by| by.split(')').next().unwrap_or_default().to_owned());
        by.map(move |by| (who.clone(), by)).collect::<Vec<_>>()
    });
    let sums: Vec<_> = sums.collect();
    assert!(sums.len() > 10, "{sums:?}");
    for (who, by) in sums {
        let by: Vec<&str> = by.split(", ").collect();
        for thing in things.iter().filter(|thing| by.contains(thing)) {
            assert!(by.contains(&&*format!("{thing}_id")), "{who}: {by:?}");
        }
    }
    Ok(())
}

#[test]
fn each_alert_is_in_the_book_with_how_bad_it_is_and_for_how_long_it_holds() -> Result<()> {
    let rules = rules()?;
    let sections = BOOK.split("\n## ").skip(1);
    let sections: Vec<(&str, &str)> = sections.filter_map(|section| section.split_once('\n')).collect();
    let names: Vec<&str> = rules.iter().map(|rule| rule.alert.as_str()).collect();
    let told: Vec<&str> = sections.iter().map(|(name, _)| *name).collect();
    assert_eq!(told, names);
    for (rule, (_, text)) in rules.iter().zip(sections) {
        let severity = &rule.labels["severity"];
        let (count, unit) = rule.r#for.split_at(rule.r#for.len() - 1);
        let unit = if unit == "m" { "minute" } else { "hour" };
        let end = if count == "1" { "" } else { "s" };
        let head = text.trim_start().lines().next().unwrap_or_default();
        let begins = [" after ", " for "].map(|word| format!("*{severity},{word}{count} {unit}{end}"));
        assert!(begins.iter().any(|begin| head.starts_with(begin)), "{head}");
        assert!(rule.annotations.contains_key("summary"), "{}", rule.alert);
    }
    Ok(())
}

#[test]
fn each_alert_is_made_to_fire_by_a_test() -> Result<()> {
    let tests = [
        include_str!("alerts.rs"),
        include_str!("datapath_alerts.rs"),
        include_str!("tls.rs"),
    ]
    .concat();
    for rule in rules()? {
        assert!(tests.contains(&format!("\"{}\"", rule.alert)), "{}", rule.alert);
    }
    Ok(())
}

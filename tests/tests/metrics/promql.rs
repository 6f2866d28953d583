//! As much of `PromQL` as alerts need: what an expression comes to after some looks at what a daemon tells.
//!
//! A rate is what grew between the first and the last look. What else an expression does is an error, so that nothing is taken for granted.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use promql_parser::label::{Matcher, Matchers};
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorMatchCardinality, VectorSelector, parse,
};

use crate::exposition::{Exposition, Labels, Sample};

/// What was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looks<'e> {
    /// The first look, and further ones before the last.
    pub(crate) before: &'e [Exposition],
    pub(crate) now: &'e Exposition,
    /// What lies between the first and the last.
    pub between_s: f64,
    /// When the last one was, since 1970.
    pub now_s: f64,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Number(f64),
    /// Without names: whoever compares or adds up loses them.
    Vector(Vec<(Labels, f64)>),
}

/// What an expression comes to.
pub(crate) fn evaluate(expression: &str, looks: Looks<'_>) -> Result<Vec<(Labels, f64)>> {
    let parsed = parse(expression).map_err(anyhow::Error::msg)?;
    match value(&parsed, looks).with_context(|| expression.to_owned())? {
        Value::Vector(vector) => Ok(vector),
        Value::Number(number) => Ok(vec![(Labels::new(), number)]),
    }
}

fn value(expression: &Expr, looks: Looks<'_>) -> Result<Value> {
    match expression {
        Expr::NumberLiteral(number) => Ok(Value::Number(number.val)),
        Expr::Paren(paren) => value(&paren.expr, looks),
        Expr::VectorSelector(selector) => {
            let found = select(selector, looks.now)?;
            Ok(Value::Vector(
                found
                    .map(|sample| (sample.labels.clone(), sample.value))
                    .collect(),
            ))
        }
        Expr::Aggregate(aggregate) => add_up(aggregate, looks),
        Expr::Binary(binary) => both(binary, looks),
        Expr::Call(call) => called(call, looks),
        other => bail!("nobody has taught the tests {other}"),
    }
}

fn vector(expression: &Expr, looks: Looks<'_>) -> Result<Vec<(Labels, f64)>> {
    match value(expression, looks)? {
        Value::Vector(vector) => Ok(vector),
        Value::Number(_) => bail!("{expression} is a number"),
    }
}

fn select<'e>(
    selector: &'e VectorSelector,
    told: &'e Exposition,
) -> Result<impl Iterator<Item = &'e Sample>> {
    let VectorSelector {
        name,
        matchers,
        offset: None,
        at: None,
    } = selector
    else {
        bail!("{selector} is of another time");
    };
    let name = name.as_deref().context("a metric has a name")?;
    let matchers = all(matchers)?;
    let of_name = told.samples.iter().filter(move |sample| sample.name == name);
    Ok(of_name.filter(move |sample| {
        let value = |name: &str| sample.labels.get(name).map_or("", String::as_str);
        matchers
            .iter()
            .all(|matcher| matcher.is_match(value(&matcher.name)))
    }))
}

/// What has to hold of the labels.
pub(crate) fn all(matchers: &Matchers) -> Result<&[Matcher]> {
    ensure!(matchers.or_matchers.is_empty(), "{matchers} is no PromQL");
    Ok(&matchers.matchers)
}

fn add_up(aggregate: &AggregateExpr, looks: Looks<'_>) -> Result<Value> {
    let AggregateExpr {
        op, expr, modifier, ..
    } = aggregate;
    ensure!(op.to_string() == "sum", "nobody has taught the tests {op}");
    let mut sums: BTreeMap<Labels, f64> = BTreeMap::new();
    for (labels, value) in vector(expr, looks)? {
        *sums.entry(kept(labels, modifier.as_ref())).or_default() += value;
    }
    Ok(Value::Vector(sums.into_iter().collect()))
}

/// The labels that a sum keeps.
fn kept(mut labels: Labels, modifier: Option<&LabelModifier>) -> Labels {
    match modifier {
        None => labels.clear(),
        Some(LabelModifier::Include(wanted)) => labels.retain(|name, _| wanted.labels.contains(name)),
        Some(LabelModifier::Exclude(unwanted)) => labels.retain(|name, _| !unwanted.labels.contains(name)),
    }
    labels
}

fn both(binary: &BinaryExpr, looks: Looks<'_>) -> Result<Value> {
    let op = binary.op.to_string();
    if op == "unless" {
        return without(binary, looks);
    }
    if let Some(modifier) = &binary.modifier {
        let is_plain = modifier.matching.is_none()
            && !modifier.return_bool
            && matches!(
                modifier.card,
                VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany
            );
        ensure!(is_plain, "nobody has taught the tests {binary}");
    }
    let sides = (value(&binary.lhs, looks)?, value(&binary.rhs, looks)?);
    if op == "or" {
        let (Value::Vector(mut left), Value::Vector(right)) = sides else {
            bail!("{binary} is of vectors");
        };
        let more = right
            .into_iter()
            .filter(|(labels, _)| left.iter().all(|(found, _)| found != labels));
        let more: Vec<_> = more.collect();
        left.extend(more);
        return Ok(Value::Vector(left));
    }
    Ok(match sides {
        (Value::Number(left), Value::Number(right)) => {
            Value::Number(calculate(&op, left, right)?.context("numbers are not compared")?)
        }
        (Value::Vector(left), Value::Number(right)) => each(left, |value| calculate(&op, value, right))?,
        (Value::Number(left), Value::Vector(right)) => each(right, |value| calculate(&op, left, value))?,
        (Value::Vector(left), Value::Vector(right)) => {
            let right: BTreeMap<Labels, f64> = unique(right)?;
            let mut found = Vec::new();
            for (labels, left) in unique(left)? {
                if let Some(right) = right.get(&labels)
                    && let Some(value) = calculate(&op, left, *right)?
                {
                    found.push((labels, value));
                }
            }
            Value::Vector(found)
        }
    })
}

/// What is on the left, unless something on the right has the same values of these labels.
fn without(binary: &BinaryExpr, looks: Looks<'_>) -> Result<Value> {
    let matching = binary
        .modifier
        .as_ref()
        .and_then(|modifier| modifier.matching.as_ref());
    ensure!(matching.is_some(), "nobody has taught the tests {binary}");
    let mut left = vector(&binary.lhs, looks)?;
    let right = vector(&binary.rhs, looks)?.into_iter();
    let right: Vec<Labels> = right.map(|(labels, _)| kept(labels, matching)).collect();
    left.retain(|(labels, _)| !right.contains(&kept(labels.clone(), matching)));
    Ok(Value::Vector(left))
}

fn each(vector: Vec<(Labels, f64)>, of: impl Fn(f64) -> Result<Option<f64>>) -> Result<Value> {
    let mut found = Vec::new();
    for (labels, value) in vector {
        if let Some(value) = of(value)? {
            found.push((labels, value));
        }
    }
    Ok(Value::Vector(found))
}

/// What Prometheus refuses where it is to find the other one of each.
fn unique(vector: Vec<(Labels, f64)>) -> Result<BTreeMap<Labels, f64>> {
    let count = vector.len();
    let found: BTreeMap<Labels, f64> = vector.into_iter().collect();
    ensure!(found.len() == count, "many match one");
    Ok(found)
}

/// None where a comparison does not hold.
fn calculate(op: &str, left: f64, right: f64) -> Result<Option<f64>> {
    let holds = match op {
        "+" => return Ok(Some(left + right)),
        "-" => return Ok(Some(left - right)),
        "*" => return Ok(Some(left * right)),
        "/" => return Ok(Some(left / right)),
        ">" => left > right,
        ">=" => left >= right,
        "<" => left < right,
        "==" => (left - right).abs() < f64::EPSILON,
        other => bail!("nobody has taught the tests {other}"),
    };
    Ok(holds.then_some(left))
}

/// The values of what a selector finds.
fn values<'e>(selector: &'e VectorSelector, told: &'e Exposition) -> Result<BTreeMap<&'e Labels, f64>> {
    let found = select(selector, told)?;
    Ok(found.map(|sample| (&sample.labels, sample.value)).collect())
}

/// How often each value became another one, from a look to the next that has it.
fn changes(selector: &VectorSelector, looks: Looks<'_>) -> Result<Vec<(Labels, f64)>> {
    let mut last: BTreeMap<Labels, f64> = BTreeMap::new();
    let mut counts: BTreeMap<Labels, f64> = BTreeMap::new();
    for told in looks.before.iter().chain([looks.now]) {
        for (labels, value) in values(selector, told)? {
            let before = last.insert(labels.clone(), value);
            let count = counts.entry(labels.clone()).or_default();
            if before.is_some_and(|before| before.total_cmp(&value).is_ne()) {
                *count += 1.0;
            }
        }
    }
    Ok(counts.into_iter().collect())
}

fn called(call: &Call, looks: Looks<'_>) -> Result<Value> {
    let arguments: Vec<&Expr> = call.args.args.iter().map(AsRef::as_ref).collect();
    match (call.func.name, arguments.as_slice()) {
        ("time", []) => Ok(Value::Number(looks.now_s)),
        ("vector", [number]) => match value(number, looks)? {
            Value::Number(number) => Ok(Value::Vector(vec![(Labels::new(), number)])),
            Value::Vector(_) => bail!("{number} is a vector"),
        },
        ("changes", [Expr::MatrixSelector(matrix)]) => Ok(Value::Vector(changes(&matrix.vs, looks)?)),
        ("absent", [Expr::VectorSelector(selector)]) => {
            let is_there = select(selector, looks.now)?.next().is_some();
            let labels = all(&selector.matchers)?.iter();
            let labels = labels.map(|matcher| (matcher.name.clone(), matcher.value.clone()));
            let nothing = (!is_there).then(|| (labels.collect(), 1.0));
            Ok(Value::Vector(nothing.into_iter().collect()))
        }
        ("rate", [Expr::MatrixSelector(matrix)]) => {
            let before = values(&matrix.vs, looks.before.first().context("a first look")?)?;
            // Of what was not there before nobody knows how much it grew.
            let rates = select(&matrix.vs, looks.now)?.filter_map(|sample| {
                let before = *before.get(&sample.labels)?;
                // It began again with another daemon.
                let grown = sample.value - if sample.value < before { 0.0 } else { before };
                Some((sample.labels.clone(), grown / looks.between_s))
            });
            Ok(Value::Vector(rates.collect()))
        }
        ("histogram_quantile", [quantile, buckets]) => match value(quantile, looks)? {
            Value::Number(quantile) => quantiles(quantile, vector(buckets, looks)?),
            Value::Vector(_) => bail!("{quantile} is a vector"),
        },
        _ => bail!("nobody has taught the tests {call}"),
    }
}

fn quantiles(quantile: f64, buckets: Vec<(Labels, f64)>) -> Result<Value> {
    let mut all: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for (mut labels, count) in buckets {
        let bound = labels.remove("le").context("a bucket has a bound")?.parse()?;
        all.entry(labels).or_default().push((bound, count));
    }
    let of = all.into_iter().map(|(labels, mut buckets)| {
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        (labels, within(quantile, &buckets))
    });
    Ok(Value::Vector(of.collect()))
}

/// Where a quantile lies in buckets of which each counts those before it: in its bucket they are spread evenly.
fn within(quantile: f64, buckets: &[(f64, f64)]) -> f64 {
    let total = buckets.last().map_or(0.0, |(_, count)| *count);
    let rank = quantile * total;
    let (mut from, mut before) = (0.0, 0.0);
    for (bound, count) in buckets {
        if *count >= rank && total > 0.0 {
            // Of the last bucket only the lower bound is known.
            return if bound.is_finite() {
                from + (bound - from) * (rank - before) / (count - before)
            } else {
                from
            };
        }
        (from, before) = (*bound, *count);
    }
    f64::NAN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::Form;

    const BEFORE: &str = "\
# HELP a A
# TYPE a counter
a_total{x=\"1\",y=\"1\"} 10
a_total{x=\"1\",y=\"2\"} 10
a_total{x=\"2\",y=\"1\"} 5
# HELP b B
# TYPE b gauge
b{x=\"1\"} 3
b{x=\"2\"} 0
# HELP c C
# TYPE c histogram
c_sum 1
c_count 0
c_bucket{le=\"1.0\"} 0
c_bucket{le=\"2.0\"} 0
c_bucket{le=\"+Inf\"} 0
# EOF
";

    fn come_to(expression: &str) -> String {
        let now = BEFORE
            .replace("y=\"1\"} 10", "y=\"1\"} 30")
            .replace("y=\"1\"} 5", "y=\"1\"} 4")
            .replace("c_bucket{le=\"2.0\"} 0", "c_bucket{le=\"2.0\"} 90")
            .replace("c_bucket{le=\"+Inf\"} 0", "c_bucket{le=\"+Inf\"} 100");
        let read = |text: &str| Exposition::read(Form::OpenMetrics, text).unwrap();
        let (before, now) = (read(BEFORE), read(&now));
        let looks = Looks {
            before: std::slice::from_ref(&before),
            now: &now,
            between_s: 2.0,
            now_s: 100.0,
        };
        let all = evaluate(expression, looks).unwrap();
        let each = all.iter().map(|(labels, value)| {
            let labels: Vec<_> = labels.values().map(String::as_str).collect();
            format!("{}={value}", labels.join("."))
        });
        each.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn expressions_come_to_what_prometheus_makes_of_them() {
        for (expression, value) in [
            ("1 + 2 * 3", "=7"),
            ("a_total > 9", "1.1=30 1.2=10"),
            ("rate(a_total[5m])", "1.1=10 1.2=0 2.1=2"),
            ("sum by (x) (rate(a_total[5m])) > 2", "1=10"),
            ("sum without (x) (a_total)", "1=34 2=10"),
            ("sum by (x) (a_total) / b > 1", "1=13.333333333333334 2=inf"),
            ("sum by (x) (a_total{y=~\"1|3\"})", "1=30 2=4"),
            ("b{x!=\"1\"} == 0", "2=0"),
            ("b / b > 0", "1=1"),
            ("a_total unless on (x) b == 0", "1.1=30 1.2=10"),
            ("absent(b)", ""),
            ("absent(b{x=\"9\"})", "9=1"),
            ("changes(b[15m])", "1=0 2=0"),
            ("changes(a_total{x=\"1\"}[15m]) > 0", "1.1=1"),
            ("time() - b", "1=97 2=100"),
            ("sum(b{x=\"9\"}) or vector(0)", "=0"),
            ("histogram_quantile(0.45, rate(c_bucket[1m]))", "=1.5"),
            ("histogram_quantile(0.99, rate(c_bucket[1m]))", "=2"),
            ("histogram_quantile(0.99, rate(c_bucket{x=\"1\"}[1m]))", ""),
        ] {
            assert_eq!(come_to(expression), value, "{expression}");
        }
    }
}

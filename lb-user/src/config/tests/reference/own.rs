//! What the reference says by itself: of what is too plain for the examples, or stands in them for who reads them from the top.

/// By table, `[pool.member] What it is for`, then by setting, `name | default | meaning`. What is empty is said elsewhere.
const OWN: &str = include_str!("own.txt");

/// The lines of a table.
fn lines(path: &str) -> impl Iterator<Item = &'static str> {
    let header = format!("[{}]", path.trim_end_matches('.'));
    let tables = OWN.split("\n\n").filter(move |table| table.starts_with(&header));
    tables.flat_map(str::lines)
}

/// What a table is for.
pub(super) fn of_table(path: &str) -> Option<&'static str> {
    let (_, meaning) = lines(path).next()?.split_once("] ")?;
    Some(meaning)
}

/// The default and the meaning of a setting.
pub(super) fn of(path: &str, key: &str) -> (&'static str, &'static str) {
    let cells = lines(path).find_map(|line| line.strip_prefix(key)?.strip_prefix(" | ")?.split_once('|'));
    cells.map_or(("", ""), |(default, meaning)| (default.trim(), meaning.trim()))
}

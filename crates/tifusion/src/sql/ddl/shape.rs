//! What a statement does to which names, by its tokens.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// What a statement does, and to what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// What it does: `CREATE TABLE`.
    pub(crate) what: &'static str,
    /// What its names are names of.
    pub(crate) object: Object,
    /// The names, each in its parts; none for the current database.
    pub(crate) names: Vec<Vec<String>>,
    /// Whether it is only to be explained.
    pub(crate) explain: Option<Explain>,
    /// The token that it begins with, behind `EXPLAIN`.
    pub(crate) start: usize,
}

/// What a name is one of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Object {
    /// A database, which DataFusion calls a catalog.
    Database,
    /// A database, which DataFusion calls a schema.
    Schema,
    /// A table, view or sequence.
    Table,
}

/// How a statement is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Explain {
    /// By running it.
    Analyze,
    /// By saying what would be done.
    Plan,
}

/// How far the word `VIEW` may be from `CREATE`: between them is who defines it and how.
const WORDS_BEFORE_VIEW: usize = 16;

impl Shape {
    /// That of a statement's tokens; `None` for one that is not of those that change a schema.
    pub(crate) fn of(tokens: &[TokenWithSpan]) -> Option<Self> {
        let mut words = Words::new(tokens);
        let explain = words.explain();
        let start = words.place()?;
        let (what, object) = words.verb()?;
        let names = match what {
            "RENAME TABLE" => words.renamed()?,
            "DROP TABLE" | "DROP VIEW" | "DROP SEQUENCE" | "ANALYZE TABLE" => words.list()?,
            "ALTER DATABASE" => words.database_if_any(),
            "CREATE INDEX" | "DROP INDEX" => vec![words.indexed()?],
            _ => vec![words.name()?],
        };
        if what == "CREATE TABLE" && words.has_query() {
            return None;
        }
        Some(Self { what, object, names, explain, start })
    }
}

/// The first word of a statement, in upper case, behind `EXPLAIN` and what belongs to it.
pub(crate) fn leading_word(tokens: &[TokenWithSpan]) -> Option<(usize, String)> {
    let mut words = Words::new(tokens);
    words.explain();
    match words.tokens.get(words.at)? {
        (place, Token::Word(word)) if word.quote_style.is_none() => {
            Some((*place, word.value.to_ascii_uppercase()))
        }
        _ => None,
    }
}

/// The tokens that mean something.
struct Words<'a> {
    tokens: Vec<(usize, &'a Token)>,
    at: usize,
}

impl<'a> Words<'a> {
    fn new(tokens: &'a [TokenWithSpan]) -> Self {
        let all = tokens.iter().enumerate().map(|(place, token)| (place, &token.token));
        let tokens = all.filter(|(_, token)| !matches!(token, Token::Whitespace(_))).collect();
        Self { tokens, at: 0 }
    }

    fn place(&self) -> Option<usize> {
        self.tokens.get(self.at).map(|(place, _)| *place)
    }

    fn is_at(&self, at: usize, word: &str) -> bool {
        matches!(self.tokens.get(at), Some((_, Token::Word(found)))
            if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
    }

    /// Goes past these words if they are the next.
    fn take(&mut self, words: &[&str]) -> bool {
        let are_next = words.iter().enumerate().all(|(nth, word)| self.is_at(self.at + nth, word));
        if are_next {
            self.at += words.len();
        }
        are_next
    }

    fn take_any(&mut self, words: &[&str]) -> bool {
        words.iter().any(|word| self.take(&[word]))
    }

    fn take_token(&mut self, token: &Token) -> bool {
        let is_next = self.tokens.get(self.at).is_some_and(|(_, found)| *found == token);
        self.at += usize::from(is_next);
        is_next
    }

    fn explain(&mut self) -> Option<Explain> {
        if !self.take(&["EXPLAIN"]) {
            return None;
        }
        // `EXPLAIN ANALYZE TABLE t` runs a query.
        let analyze = !self.is_at(self.at + 1, "TABLE") && self.take(&["ANALYZE"]);
        self.take(&["VERBOSE"]);
        if self.take(&["FORMAT"]) {
            self.take_token(&Token::Eq);
            self.at += 1;
        }
        Some(if analyze { Explain::Analyze } else { Explain::Plan })
    }

    /// What the statement does, and to what.
    fn verb(&mut self) -> Option<(&'static str, Object)> {
        let explained = self.at > 0;
        if self.take(&["CREATE"]) {
            return self.created();
        }
        if self.take(&["DROP"]) {
            return self.dropped();
        }
        if self.take(&["ALTER"]) {
            return self.altered();
        }
        if self.take(&["RENAME", "TABLE"]) || self.take(&["RENAME", "TABLES"]) {
            return Some(("RENAME TABLE", Object::Table));
        }
        if self.take(&["TRUNCATE"]) {
            self.take(&["TABLE"]);
            return Some(("TRUNCATE TABLE", Object::Table));
        }
        if !explained && self.take(&["ANALYZE"]) {
            self.take_any(&["LOCAL", "NO_WRITE_TO_BINLOG"]);
            self.take(&["INCREMENTAL"]);
            return self.take_any(&["TABLE", "TABLES"]).then_some(("ANALYZE TABLE", Object::Table));
        }
        if self.take(&["SPLIT"]) {
            self.take(&["REGION", "FOR"]);
            self.take(&["PARTITION"]);
            return self.take(&["TABLE"]).then_some(("SPLIT TABLE", Object::Table));
        }
        None
    }

    fn created(&mut self) -> Option<(&'static str, Object)> {
        let what = if self.take(&["DATABASE"]) {
            ("CREATE DATABASE", Object::Database)
        } else if self.take(&["SCHEMA"]) {
            ("CREATE DATABASE", Object::Schema)
        } else if self.take(&["TABLE"]) || self.take(&["GLOBAL", "TEMPORARY", "TABLE"]) {
            ("CREATE TABLE", Object::Table)
        } else if self.take(&["SEQUENCE"]) {
            ("CREATE SEQUENCE", Object::Table)
        } else if self.index() {
            return Some(("CREATE INDEX", Object::Table));
        } else if self.view() {
            return Some(("CREATE VIEW", Object::Table));
        } else {
            return None;
        };
        self.take(&["IF", "NOT", "EXISTS"]);
        Some(what)
    }

    fn index(&mut self) -> bool {
        if self.take(&["INDEX"]) {
            return true;
        }
        let kinds = ["UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR", "COLUMNAR"];
        kinds.into_iter().any(|kind| self.take(&[kind, "INDEX"]))
    }

    /// Goes past what stands before the name of a view.
    fn view(&mut self) -> bool {
        let mut at = self.at;
        if self.is_at(at, "OR") && self.is_at(at + 1, "REPLACE") {
            at += 2;
        }
        let is_told = ["ALGORITHM", "DEFINER", "SQL"].into_iter().any(|word| self.is_at(at, word));
        let reach = if is_told { WORDS_BEFORE_VIEW } else { 0 };
        let Some(view) = (at..=at + reach).find(|at| self.is_at(*at, "VIEW")) else { return false };
        self.at = view + 1;
        true
    }

    fn dropped(&mut self) -> Option<(&'static str, Object)> {
        let what = if self.take_any(&["TABLE", "TABLES"]) {
            ("DROP TABLE", Object::Table)
        } else if self.take(&["VIEW"]) {
            ("DROP VIEW", Object::Table)
        } else if self.take(&["SEQUENCE"]) {
            ("DROP SEQUENCE", Object::Table)
        } else if self.take(&["INDEX"]) {
            ("DROP INDEX", Object::Table)
        } else if self.take(&["DATABASE"]) {
            ("DROP DATABASE", Object::Database)
        } else if self.take(&["SCHEMA"]) {
            ("DROP DATABASE", Object::Schema)
        } else if self.take(&["STATS"]) {
            ("DROP STATS", Object::Table)
        } else {
            return None;
        };
        self.take(&["IF", "EXISTS"]);
        Some(what)
    }

    fn altered(&mut self) -> Option<(&'static str, Object)> {
        let what = if self.take(&["TABLE"]) || self.take(&["IGNORE", "TABLE"]) {
            ("ALTER TABLE", Object::Table)
        } else if self.take(&["SEQUENCE"]) {
            ("ALTER SEQUENCE", Object::Table)
        } else if self.take(&["DATABASE"]) {
            ("ALTER DATABASE", Object::Database)
        } else if self.take(&["SCHEMA"]) {
            ("ALTER DATABASE", Object::Schema)
        } else {
            return None;
        };
        self.take(&["IF", "EXISTS"]);
        Some(what)
    }

    fn name(&mut self) -> Option<Vec<String>> {
        let mut parts = Vec::new();
        loop {
            let Some((_, Token::Word(word))) = self.tokens.get(self.at) else { return None };
            parts.push(word.value.clone());
            self.at += 1;
            if !self.take_token(&Token::Period) {
                return Some(parts);
            }
        }
    }

    fn list(&mut self) -> Option<Vec<Vec<String>>> {
        let mut names = vec![self.name()?];
        while self.take_token(&Token::Comma) {
            names.push(self.name()?);
        }
        Some(names)
    }

    fn renamed(&mut self) -> Option<Vec<Vec<String>>> {
        let mut names = Vec::new();
        loop {
            names.push(self.name()?);
            if !self.take(&["TO"]) {
                return None;
            }
            names.push(self.name()?);
            if !self.take_token(&Token::Comma) {
                return Some(names);
            }
        }
    }

    /// The database that `ALTER DATABASE` names, if it does: its options follow.
    fn database_if_any(&mut self) -> Vec<Vec<String>> {
        const OPTIONS: [&str; 7] =
            ["DEFAULT", "CHARACTER", "CHARSET", "COLLATE", "SET", "PLACEMENT", "ENCRYPTION"];
        match OPTIONS.into_iter().any(|option| self.is_at(self.at, option)) {
            true => Vec::new(),
            false => self.name().into_iter().collect(),
        }
    }

    /// The table behind `ON`.
    fn indexed(&mut self) -> Option<Vec<String>> {
        let rest = self.at..self.tokens.len();
        let on = rest.into_iter().take(8).find(|at| self.is_at(*at, "ON"))?;
        self.at = on + 1;
        self.name()
    }

    /// Whether a query follows, whose rows go into the table.
    fn has_query(&self) -> bool {
        let mut depth = 0_i32;
        let mut before: Option<&Token> = None;
        for (place, (_, token)) in self.tokens.iter().enumerate().skip(self.at) {
            match token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ if depth == 0 => {
                    // Not one of a name, as in DEFAULT CHARSET=utf8 COMMENT='as select'.
                    let is_query = ["SELECT", "WITH", "VALUES", "TABLE"];
                    let begins = |at: usize| is_query.into_iter().any(|word| self.is_at(at, word));
                    let behind_as = matches!(before, Some(Token::Word(word))
                        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("AS"));
                    if self.is_at(place, "SELECT") || (behind_as && begins(place)) {
                        return true;
                    }
                }
                _ => {}
            }
            before = Some(token);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::*;

    fn shape(sql: &str) -> Option<Shape> {
        let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location().unwrap();
        Shape::of(&tokens)
    }

    #[test]
    fn statements_on_schemas_are_known_with_their_names() {
        for (sql, what, names) in [
            ("CREATE TABLE t (id INT)", "CREATE TABLE", "t"),
            (
                "create table if not exists shop.`a.b` (id int) PARTITION BY HASH (id) PARTITIONS 4",
                "CREATE TABLE",
                "shop|a.b",
            ),
            ("CREATE TABLE t LIKE shop.u", "CREATE TABLE", "t"),
            ("CREATE GLOBAL TEMPORARY TABLE t (a INT) ON COMMIT DELETE ROWS", "CREATE TABLE", "t"),
            ("/* x */ DROP TABLE IF EXISTS a, tidb.s.b -- c", "DROP TABLE", "a,tidb|s|b"),
            ("ALTER TABLE t ADD COLUMN v INT AFTER u", "ALTER TABLE", "t"),
            ("RENAME TABLE a TO b, s.c TO s.d", "RENAME TABLE", "a,b,s|c,s|d"),
            ("TRUNCATE s.t", "TRUNCATE TABLE", "s|t"),
            ("TRUNCATE TABLE t", "TRUNCATE TABLE", "t"),
            ("CREATE UNIQUE INDEX i ON t (a)", "CREATE INDEX", "t"),
            ("CREATE INDEX IF NOT EXISTS i USING BTREE ON s.t (a)", "CREATE INDEX", "s|t"),
            ("DROP INDEX i ON t", "DROP INDEX", "t"),
            ("CREATE DATABASE IF NOT EXISTS shop CHARACTER SET utf8mb4", "CREATE DATABASE", "shop"),
            ("DROP SCHEMA shop", "DROP DATABASE", "shop"),
            ("ALTER DATABASE CHARACTER SET utf8mb4", "ALTER DATABASE", ""),
            ("CREATE OR REPLACE VIEW v AS SELECT 1", "CREATE VIEW", "v"),
            (
                "CREATE ALGORITHM = MERGE DEFINER = 'a'@'%' SQL SECURITY DEFINER VIEW s.v AS SELECT 1",
                "CREATE VIEW",
                "s|v",
            ),
            ("DROP VIEW v, w", "DROP VIEW", "v,w"),
            ("ANALYZE TABLE t, u WITH 4 BUCKETS", "ANALYZE TABLE", "t,u"),
            ("ANALYZE TABLE t PARTITION p0", "ANALYZE TABLE", "t"),
            ("SPLIT TABLE t BETWEEN (0) AND (10) REGIONS 4", "SPLIT TABLE", "t"),
            ("SPLIT REGION FOR PARTITION TABLE t PARTITION (p0) BY (1)", "SPLIT TABLE", "t"),
            ("EXPLAIN CREATE TABLE t (id INT)", "CREATE TABLE", "t"),
        ] {
            let shape = shape(sql).unwrap_or_else(|| panic!("{sql}"));
            let shown: Vec<String> = shape.names.iter().map(|name| name.join("|")).collect();
            assert_eq!((shape.what, shown.join(",").as_str()), (what, names), "{sql}");
            assert_eq!(shape.explain.is_some(), sql.starts_with("EXPLAIN"), "{sql}");
        }
    }

    #[test]
    fn everything_else_is_left_alone() {
        for sql in [
            "",
            "SELECT 1",
            "SELECT 'CREATE TABLE t (a INT)'",
            "-- CREATE TABLE t (a INT)\nSELECT 1",
            "\"CREATE\" TABLE t (a INT)",
            "CREATE TABLE t AS SELECT 1",
            "CREATE TABLE t (a) AS VALUES (1)",
            "CREATE TABLE t (a INT) SELECT 1",
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'x'",
            "CREATE TEMPORARY TABLE t (a INT)",
            "CREATE FUNCTION f () RETURNS INT RETURN 1",
            "EXPLAIN ANALYZE TABLE t",
            "EXPLAIN SELECT 1",
            "ANALYZE t",
            "DROP INDEX i",
            "INSERT INTO t VALUES (1)",
            "CREATE TABLE",
        ] {
            assert_eq!(shape(sql), None, "{sql}");
        }
    }

    #[test]
    fn explanations_that_run_are_told_from_those_that_do_not() {
        assert_eq!(shape("EXPLAIN ANALYZE DROP TABLE t").unwrap().explain, Some(Explain::Analyze));
        let shape = shape("EXPLAIN FORMAT = tree DROP TABLE t").unwrap();
        assert_eq!((shape.explain, shape.start), (Some(Explain::Plan), 8));
    }
}

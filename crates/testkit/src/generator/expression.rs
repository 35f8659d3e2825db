//! Expressions over the columns of a table.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use super::columns::{Kind, all};

/// An expression, as DataFusion's SQL has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    /// The text.
    pub text: String,
    /// Whether TiDB has the same words for it with the same meaning, but for what
    /// [`differences`](crate::differences) rewrites.
    pub is_portable: bool,
}

impl Expression {
    /// One that TiDB can judge.
    #[must_use]
    pub fn portable(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_portable: true }
    }
}

/// Integers made of columns, whose names follow `@`, without parentheses around them. The flag tells
/// whether TiDB means the same.
const INTEGERS: &[(&str, bool)] = &[
    ("@i_int % 3", true),
    ("@i_tiny + 1", true),
    ("@i_int - 3", true),
    ("@i_uint + 1", true),
    ("@i_big / 7", true),
    ("@i_tiny * 2", true),
    ("abs(@i_tiny + 0)", true),
    ("length(@s)", true),
    ("octet_length(@name_ci)", true),
    ("date_part('year', @d_day)", true),
    ("date_part('month', @moment)", true),
    ("date_part('day', @moment)", true),
    ("date_part('hour', @moment)", true),
    ("CASE WHEN @s = 'a' THEN 1 WHEN @d_day < DATE '2023-06-01' THEN 2 END", true),
    ("CASE WHEN @i_bool = 1 THEN @i_tiny ELSE 0 END", true),
    ("coalesce(@i_int, @i_tiny)", true),
    ("(@i_int & 6)", true),
    ("(@i_uint >> 2)", true),
    ("length(@s || @name_ci)", true),
    ("@i_int + @i_tiny", false),
    ("@i_int - @i_uint", false),
    ("@i_tiny * @i_int", false),
    ("-@i_int", false),
    ("@i_big + @i_int", false),
    ("date_part('dow', @stamp)", false),
    ("CAST(@n_price * 2 AS BIGINT)", false),
    ("length(substr(@s_pad, 2))", true),
];

/// Others.
const OTHERS: &[(&str, bool)] = &[
    ("@s || 'x'", true),
    ("@n_price + 1", true),
    ("@f_x * 2", true),
    ("coalesce(@name_ci, @s)", true),
    ("date_trunc('month', @d_day)", true),
    ("@i_int IS NULL", true),
    ("@i_tiny > 0", true),
    ("upper(@s)", false),
    ("lower(@name_ci)", false),
    ("@n_price * @n_price", false),
];

fn pick(random: &mut StdRng, side: char, choices: &[(&str, bool)]) -> Expression {
    let (text, is_portable) = *choices.choose(random).expect("there are choices");
    Expression { text: text.replace('@', &format!("{side}.")), is_portable }
}

/// An integer of a row of the table that `side` names, by a little computing.
pub(super) fn integer(random: &mut StdRng, side: char) -> Expression {
    pick(random, side, INTEGERS)
}

/// Anything of a row, by a little computing.
pub(super) fn computed(random: &mut StdRng, side: char) -> Expression {
    let choices = if rand::Rng::random_bool(random, 0.6) { INTEGERS } else { OTHERS };
    pick(random, side, choices)
}

/// A column of one of these kinds.
pub(super) fn column(random: &mut StdRng, side: char, is_one: impl Fn(Kind) -> bool) -> Expression {
    let columns: Vec<&str> = all().filter(|it| is_one(it.kind)).map(|it| it.name).collect();
    let name = columns.choose(random).expect("there are columns");
    Expression::portable(format!("{side}.{name}"))
}

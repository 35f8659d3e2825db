//! The parts of a partitioning expression.

use std::fmt;

use tifusion_codec::field_type::FieldType;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Column(ColumnRef),
    Number(i128),
    Text(String),
    Paren(Box<Node>),
    Minus(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    Call(Function, Vec<Node>),
}

/// A column of the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnRef {
    pub(super) name: String,
    pub(super) offset: usize,
    pub(super) field_type: FieldType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Plus,
    Minus,
    Times,
    Div,
    Mod,
}

macro_rules! functions {
    ($($name:ident => $sql:literal,)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Function { $($name,)* }

        impl Function {
            /// The function of this name.
            pub(super) fn by_name(name: &str) -> Option<Self> {
                $(if name.eq_ignore_ascii_case($sql) { return Some(Self::$name); })*
                None
            }

            /// Its name, as metadata has it.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$name => $sql,)* }
            }
        }
    };
}

functions! {
    Abs => "ABS",
    Day => "DAY",
    DayOfMonth => "DAYOFMONTH",
    DayOfWeek => "DAYOFWEEK",
    DayOfYear => "DAYOFYEAR",
    Hour => "HOUR",
    Minute => "MINUTE",
    Month => "MONTH",
    Quarter => "QUARTER",
    Second => "SECOND",
    ToDays => "TO_DAYS",
    ToSeconds => "TO_SECONDS",
    UnixTimestamp => "UNIX_TIMESTAMP",
    Weekday => "WEEKDAY",
    Year => "YEAR",
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(column) => write!(f, "`{}`", column.name.replace('`', "``")),
            Self::Number(value) => value.fmt(f),
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Paren(inner) => write!(f, "({inner})"),
            Self::Minus(inner) => write!(f, "-{inner}"),
            Self::Binary(operator, left, right) => write!(f, "({left}{operator}{right})"),
            Self::Call(function, arguments) => {
                write!(f, "{}(", function.name())?;
                for (at, argument) in arguments.iter().enumerate() {
                    write!(f, "{}{argument}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Times => "*",
            Self::Div => " DIV ",
            Self::Mod => "%",
        })
    }
}

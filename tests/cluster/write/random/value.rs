//! Types of columns: their values, what keys make of those, and what they do not take.

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use tifusion_testkit::cell::{Cell, Decimal, days_of, micros_of};

/// How text is compared. The text here is of letters without accents, digits and blanks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Collation {
    Bin,
    GeneralCi,
    UnicodeCi,
    Ai0900,
    Bin0900,
}

impl Collation {
    pub(super) const ALL: [Self; 5] =
        [Self::Bin, Self::GeneralCi, Self::UnicodeCi, Self::Ai0900, Self::Bin0900];

    fn name(self) -> &'static str {
        match self {
            Self::Bin => "utf8mb4_bin",
            Self::GeneralCi => "utf8mb4_general_ci",
            Self::UnicodeCi => "utf8mb4_unicode_ci",
            Self::Ai0900 => "utf8mb4_0900_ai_ci",
            Self::Bin0900 => "utf8mb4_0900_bin",
        }
    }

    /// What two texts have in common that are equal.
    pub(super) fn key(self, text: &str) -> String {
        match self {
            Self::Bin => text.trim_end_matches(' ').to_owned(),
            Self::GeneralCi | Self::UnicodeCi => text.trim_end_matches(' ').to_lowercase(),
            Self::Ai0900 => text.to_lowercase(),
            Self::Bin0900 => text.to_owned(),
        }
    }
}

/// A type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Int { bits: u32, unsigned: bool },
    Decimal { precision: u32, scale: u32 },
    Float,
    Double,
    Char(usize, Collation),
    Varchar(usize, Collation),
    Text(Collation),
    Varbinary(usize),
    Blob,
    Date,
    DateTime(u32),
    Timestamp(u32),
    Time(u32),
    Year,
    Bit(u32),
    Enum,
    Set,
    Json,
}

pub(super) const INT: Kind = Kind::Int { bits: 32, unsigned: false };
pub(super) const BIGINT: Kind = Kind::Int { bits: 64, unsigned: false };

/// What stands for an id until it is known.
pub(super) const UNKNOWN: Cell = Cell::Time(i64::MIN);

/// The most integers that are used often: small enough to meet again.
const OFTEN: i128 = 40;

impl Kind {
    /// Any of them.
    pub(super) fn random(random: &mut StdRng) -> Self {
        let collation = *Collation::ALL.choose(random).unwrap();
        let unsigned = random.random_bool(0.4);
        let fsp = *[0, 3, 6].choose(random).unwrap();
        match random.random_range(0..20) {
            0..=4 => Self::Int { bits: *[8, 16, 24, 32, 64, 64].choose(random).unwrap(), unsigned },
            5 => Self::Decimal { precision: 10, scale: 2 },
            6 => Self::Decimal { precision: 30, scale: 9 },
            7 => Self::Float,
            8 => Self::Double,
            9 => Self::Char(6, collation),
            10..=11 => Self::Varchar(12, collation),
            12 => Self::Text(collation),
            13 => *[Self::Varbinary(8), Self::Blob].choose(random).unwrap(),
            14 => Self::Date,
            15 => *[Self::DateTime(fsp), Self::Timestamp(fsp)].choose(random).unwrap(),
            16 => Self::Time(fsp),
            17 => *[Self::Year, Self::Bit(9)].choose(random).unwrap(),
            18 => *[Self::Enum, Self::Set].choose(random).unwrap(),
            _ => Self::Json,
        }
    }

    /// A default that TiDB keeps as it is when it comes later than the column: it travels as text there, and
    /// bytes that are none are refused or changed.
    pub(super) fn later_default(self, random: &mut StdRng) -> Option<Cell> {
        let value = self.value(random);
        let is_text = match (&value, self) {
            (Cell::Bytes(bytes), _) => bytes.is_ascii(),
            (Cell::Int(bits), Self::Bit(_)) => bits.to_be_bytes().is_ascii(),
            _ => true,
        };
        is_text.then_some(value)
    }

    /// As in `CREATE TABLE`.
    pub(super) fn definition(self) -> String {
        let collated = |what: String, by: Collation| format!("{what} COLLATE {}", by.name());
        match self {
            Self::Int { bits, unsigned } => {
                let name = match bits {
                    8 => "TINYINT",
                    16 => "SMALLINT",
                    24 => "MEDIUMINT",
                    32 => "INT",
                    _ => "BIGINT",
                };
                format!("{name}{}", if unsigned { " UNSIGNED" } else { "" })
            }
            Self::Decimal { precision, scale } => format!("DECIMAL({precision}, {scale})"),
            Self::Float => "FLOAT".to_owned(),
            Self::Double => "DOUBLE".to_owned(),
            Self::Char(width, by) => collated(format!("CHAR({width})"), by),
            Self::Varchar(width, by) => collated(format!("VARCHAR({width})"), by),
            Self::Text(by) => collated("TEXT".to_owned(), by),
            Self::Varbinary(width) => format!("VARBINARY({width})"),
            Self::Blob => "BLOB".to_owned(),
            Self::Date => "DATE".to_owned(),
            Self::DateTime(fsp) => format!("DATETIME({fsp})"),
            Self::Timestamp(fsp) => format!("TIMESTAMP({fsp})"),
            Self::Time(fsp) => format!("TIME({fsp})"),
            Self::Year => "YEAR".to_owned(),
            Self::Bit(width) => format!("BIT({width})"),
            Self::Enum => "ENUM('small', 'large', 'medium')".to_owned(),
            Self::Set => "SET('b', 'a', 'c')".to_owned(),
            Self::Json => "JSON".to_owned(),
        }
    }

    /// The least and the greatest integer.
    fn range(bits: u32, unsigned: bool) -> (i128, i128) {
        match unsigned {
            true => (0, (1 << bits) - 1),
            false => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
        }
    }

    /// Whether a number that was computed is one of the column's.
    pub(super) fn takes(self, cell: &Cell) -> bool {
        match (self, cell) {
            (Self::Int { bits, unsigned }, Cell::Int(value)) => {
                let (least, most) = Self::range(bits, unsigned);
                (least..=most).contains(value)
            }
            (Self::Decimal { precision, scale }, Cell::Decimal(value)) => {
                let unscaled = value.unscaled_at(scale as usize).unwrap();
                unscaled.abs() < 10_i128.pow(precision)
            }
            _ => true,
        }
    }

    /// A value.
    pub(super) fn value(self, random: &mut StdRng) -> Cell {
        let member =
            |random: &mut StdRng, of: &[&str]| Cell::Text((*of.choose(random).unwrap()).to_owned());
        match self {
            Self::Int { bits, unsigned } => {
                let (least, most) = Self::range(bits, unsigned);
                Cell::Int(match random.random_range(0..20) {
                    0 => least,
                    1 => most,
                    2 => random.random_range(least.max(-9999)..=most.min(9999)),
                    _ => random.random_range(least.max(-3)..=OFTEN),
                })
            }
            Self::Decimal { precision, scale } => {
                let unit = 10_i64.pow(scale.min(2));
                let text = match random.random_range(0..12) {
                    0 => {
                        let whole = "9".repeat((precision - scale) as usize);
                        format!("-{whole}.{}", "9".repeat(scale as usize))
                    }
                    1 => format!("0.{}1", "0".repeat(scale as usize - 1)),
                    _ => {
                        let number = random.random_range(-200..4000_i64);
                        format!("{}.{:02}", number / unit, (number % unit).abs())
                    }
                };
                Cell::Decimal(Decimal::parse(&text))
            }
            // Sums of these are exact, and no zero has a sign.
            Self::Float | Self::Double => {
                Cell::Float(f64::from(random.random_range(1..400_i32)) / 8.0)
            }
            Self::Char(width, _) => Cell::Text(text(random, width).trim_end().to_owned()),
            Self::Varchar(width, _) => Cell::Text(text(random, width)),
            Self::Text(_) => Cell::Text(text(random, 30)),
            Self::Varbinary(_) | Self::Blob => {
                let length = random.random_range(0..5);
                Cell::Bytes((0..length).map(|_| random.random_range(0..=2) * 127).collect())
            }
            Self::Date => Cell::Date(match random.random_range(0..12) {
                0 => days_of("1000-01-01"),
                1 => days_of("9999-12-31"),
                _ => days_of("2024-02-20") + random.random_range(0..i64::try_from(OFTEN).unwrap()),
            }),
            Self::DateTime(fsp) | Self::Timestamp(fsp) => {
                let day = days_of("2024-02-20") + random.random_range(0..20);
                let time = random.random_range(0..86_400_000_000 / 3600) * 3600;
                let unit = 10_i64.pow(6 - fsp);
                Cell::DateTime(day * 86_400_000_000 + time / unit * unit)
            }
            Self::Time(fsp) => {
                let unit = 10_i64.pow(6 - fsp);
                let most = micros_of("838:59:59");
                Cell::Time(match random.random_range(0..12) {
                    0 => -most,
                    1 => most,
                    _ => random.random_range(-90_000..90_000) * 1_000_123 / unit * unit,
                })
            }
            Self::Year => Cell::Int(random.random_range(1990..=2030)),
            Self::Bit(width) => Cell::Int(random.random_range(0..1 << width)),
            Self::Enum => member(random, &["small", "large", "medium"]),
            Self::Set => member(random, &["", "b", "a", "b,a", "c", "b,a,c"]),
            Self::Json => member(
                random,
                &["{}", "[1, 2]", "{\"a\": 1, \"b\": [true, null]}", "\"text\"", "7"],
            ),
        }
    }

    /// A literal that the column does not take, if there is a short one.
    pub(super) fn wrong(self) -> Option<String> {
        Some(match self {
            Self::Int { bits, unsigned } => (Self::range(bits, unsigned).1 + 1).to_string(),
            Self::Decimal { precision, scale } => {
                format!("1{}", "0".repeat((precision - scale) as usize))
            }
            Self::Float | Self::Double => "'no number'".to_owned(),
            Self::Char(width, _) | Self::Varchar(width, _) => {
                format!("'{}'", "x".repeat(width + 1))
            }
            Self::Varbinary(width) => format!("X'{}'", "61".repeat(width + 1)),
            Self::Text(_) | Self::Blob => return None,
            Self::Date => "'2023-02-29'".to_owned(),
            Self::DateTime(_) | Self::Timestamp(_) => "'2023-02-29 10:00:00'".to_owned(),
            Self::Time(_) => "'839:00:00'".to_owned(),
            Self::Year => "1900".to_owned(),
            Self::Bit(width) => (1_u64 << width).to_string(),
            Self::Enum | Self::Set => "'none'".to_owned(),
            Self::Json => "'{'".to_owned(),
        })
    }

    pub(super) fn collation(self) -> Option<Collation> {
        match self {
            Self::Char(_, by) | Self::Varchar(_, by) | Self::Text(by) => Some(by),
            _ => None,
        }
    }

    /// Whether greater and less mean the same everywhere.
    pub(super) fn is_ordered(self) -> bool {
        !matches!(
            self,
            Self::Char(..)
                | Self::Varchar(..)
                | Self::Text(_)
                | Self::Varbinary(_)
                | Self::Blob
                | Self::Enum
                | Self::Set
                | Self::Json
        )
    }

    /// Whether a number can be added.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Int { .. } | Self::Decimal { .. } | Self::Double)
    }

    pub(super) fn is_long(self) -> bool {
        matches!(self, Self::Text(_) | Self::Blob)
    }

    /// What two values have in common that are equal in a key of the first `prefix` characters; `None` for
    /// `NULL`, which is like nothing, and for ids that are not known yet.
    pub(super) fn key(self, cell: &Cell, prefix: Option<usize>) -> Option<String> {
        match cell {
            Cell::Null => None,
            cell if *cell == UNKNOWN => None,
            Cell::Text(text) => {
                let text: String = text.chars().take(prefix.unwrap_or(usize::MAX)).collect();
                Some(self.collation().map_or_else(|| text.clone(), |by| by.key(&text)))
            }
            Cell::Bytes(bytes) => {
                let length = prefix.unwrap_or(usize::MAX).min(bytes.len());
                Some(format!("{:?}", &bytes[..length]))
            }
            other => Some(other.to_string()),
        }
    }
}

/// Text that meets other text often, but for its case and the blanks at its end.
fn text(random: &mut StdRng, most: usize) -> String {
    let length = random.random_range(0..=3.min(most));
    let mut text: String =
        (0..length).map(|_| *b"aAbBcC7".choose(random).unwrap()).map(char::from).collect();
    match random.random_range(0..10) {
        0 if length < most => text.push(' '),
        1 if length + 2 <= most => text.insert_str(length / 2, " x"),
        _ => {}
    }
    text
}

/// A value as both sides' SQL has it.
pub(super) fn literal(cell: &Cell) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Int(value) => value.to_string(),
        Cell::Float(value) => format!("{value:?}"),
        Cell::Decimal(value) => value.to_string(),
        Cell::Date(_) | Cell::DateTime(_) | Cell::Time(_) => format!("'{}'", cell.plain()),
        Cell::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Cell::Bytes(_) => format!("X'{}'", cell.plain()),
    }
}

//! Functions.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use datafusion::logical_expr::ScalarUDF;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::BinaryExpr;
use tifusion_proto::tipb::ScalarFuncSig;

use super::{Lowering, Outcome, Physical, constant};
use crate::pushdown::capability::Kind;
use crate::pushdown::literal::integer;
use crate::pushdown::refusal::{Reason, Refusal};
use crate::pushdown::ty::{IntRange, RealRange, Ty, Typed};

/// Characters of a text, for the ranges of lengths.
const LENGTHS: IntRange = IntRange::signed(0, u32::MAX as i128);

/// Parts of a time, with the range of their values.
const PARTS: [(&str, &str, IntRange); 8] = [
    ("year", "date_part('year')", IntRange::signed(0, 9999)),
    ("month", "date_part('month')", IntRange::signed(1, 12)),
    ("day", "date_part('day')", IntRange::signed(1, 31)),
    ("doy", "date_part('doy')", IntRange::signed(1, 366)),
    ("dow", "date_part('dow')", IntRange::signed(0, 6)),
    ("hour", "date_part('hour')", IntRange::signed(0, 23)),
    ("minute", "date_part('minute')", IntRange::signed(0, 59)),
    ("second", "date_part('second')", IntRange::signed(0, 59)),
];

/// Whether it is DataFusion's own function, not another one that a session has under its name.
fn is_builtin(function: &ScalarFunctionExpr) -> bool {
    static BUILTIN: LazyLock<HashMap<String, Arc<ScalarUDF>>> = LazyLock::new(|| {
        let all = datafusion::functions::all_default_functions().into_iter();
        all.map(|function| (function.name().to_owned(), function)).collect()
    });
    let builtin = BUILTIN.get(function.fun().name());
    builtin.is_some_and(|builtin| **builtin == *function.fun())
}

impl Lowering<'_> {
    pub(super) fn function(&self, function: &ScalarFunctionExpr, expr: &Physical) -> Outcome {
        let args = function.args();
        if !is_builtin(function) {
            return Err(Refusal::new(expr.as_ref(), Reason::Unknown));
        }
        match (function.name(), args) {
            ("coalesce" | "nvl" | "ifnull", _) => self.coalesce(args, expr),
            ("date_part", [part, time]) => self.date_part(part, time, expr),
            ("date_trunc", [_, time]) => {
                let time = self.value(time)?;
                Err(self.said("date_trunc", &time.ty.kind(), expr))
            }
            ("concat", _) => self.concat(args, expr),
            (name @ ("character_length" | "octet_length"), [arg]) => {
                let text = self.text(arg, expr)?;
                self.call((name, Kind::Text), vec![text.expr], Ty::Int(LENGTHS), expr)
            }
            (name @ ("reverse" | "ltrim" | "rtrim"), [arg]) => {
                let text = self.text(arg, expr)?;
                self.call((name, Kind::Text), vec![text.expr], Ty::Text, expr)
            }
            ("replace", [text, from, to]) => self.replace([text, from, to], expr),
            ("substr", [text, rest @ ..]) => self.substr(text, rest, expr),
            (name @ ("abs" | "ceil" | "floor"), [arg]) => self.rounded(name, arg, expr),
            (name, [first, ..]) => {
                let first = self.value(first)?;
                Err(self.said(name, &first.ty.kind(), expr))
            }
            _ => Err(Refusal::new(expr.as_ref(), Reason::Unknown)),
        }
    }

    fn text(&self, arg: &Physical, expr: &Physical) -> Outcome {
        let text = self.value(arg)?;
        match text.ty {
            Ty::Text => Ok(text),
            _ => Err(Refusal::new(expr.as_ref(), Reason::Unknown)),
        }
    }

    /// Texts joined, `NULL` if one is.
    pub(super) fn concat_operator(&self, binary: &BinaryExpr, expr: &Physical) -> Outcome {
        let sides = [self.text(binary.left(), expr)?.expr, self.text(binary.right(), expr)?.expr];
        self.call(("||", Kind::Text), sides.to_vec(), Ty::Text, expr)
    }

    /// Texts joined, without those that are `NULL`.
    fn concat(&self, args: &[Physical], expr: &Physical) -> Outcome {
        let empty =
            self.build().constant(tifusion_proto::tipb::ExprType::String, Vec::new(), Ty::Text);
        let mut children = Vec::new();
        for arg in args {
            let text = self.text(arg, expr)?;
            let or_empty = vec![text.expr, empty.expr.clone()];
            children.push(self.call(("coalesce", Kind::Text), or_empty, Ty::Text, expr)?.expr);
        }
        self.call(("concat", Kind::Text), children, Ty::Text, expr)
    }

    fn replace(&self, [text, from, to]: [&Physical; 3], expr: &Physical) -> Outcome {
        let searched = constant(from).and_then(|value| value.try_as_str().flatten());
        if searched.is_none_or(str::is_empty) {
            return Err(self.said("replace", &Kind::Text, expr));
        }
        let children = vec![
            self.text(text, expr)?.expr,
            self.text(from, expr)?.expr,
            self.text(to, expr)?.expr,
        ];
        self.call(("replace", Kind::Text), children, Ty::Text, expr)
    }

    /// DataFusion counts places from 1 and lets 0 and less stand before the text; the store counts
    /// negative ones from the end.
    fn substr(&self, text: &Physical, rest: &[Physical], expr: &Physical) -> Outcome {
        let signature = self.row("substr", Kind::Text, expr)?;
        let least = [1, 0];
        let mut children = vec![self.text(text, expr)?.expr];
        for (arg, least) in rest.iter().zip(least) {
            let place = constant(arg).and_then(integer).filter(|place| *place >= least);
            let place = place.and_then(|place| i32::try_from(place).ok());
            let place = place.ok_or_else(|| self.said("substr", &Kind::Text, expr))?;
            children.push(self.build().small(place).expr);
        }
        let signature = match rest {
            [_] => ScalarFuncSig::Substring2ArgsUtf8,
            [_, _] => signature,
            _ => return Err(Refusal::new(expr.as_ref(), Reason::Unknown)),
        };
        Ok(self.build().call(signature, children, Ty::Text))
    }

    fn rounded(&self, name: &str, arg: &Physical, expr: &Physical) -> Outcome {
        let value = self.value(arg)?;
        let kind = value.ty.kind();
        let refused = || self.said(name, &kind, expr);
        let value = if kind == Kind::Int { self.signed(value, expr)? } else { value };
        let ty = match (name, value.ty) {
            ("abs", Ty::Int(range)) => {
                let fits = IntRange::of(&self.data_type(arg)?).ok_or_else(refused)?;
                let positive = IntRange::signed(0, range.magnitude());
                if !fits.contains(&positive) {
                    return Err(refused());
                }
                Ty::Int(positive)
            }
            ("abs", Ty::Real(range)) => Ty::Real(RealRange {
                zero: range.zero || range.negative_zero,
                negative_zero: false,
                ..range
            }),
            ("abs", decimal @ Ty::Decimal { .. }) => decimal,
            (_, Ty::Real(range)) => Ty::Real(RealRange::up_to(range.bound + 1.0)),
            _ => return Err(refused()),
        };
        self.call((name, kind), vec![value.expr], ty, expr)
    }

    fn date_part(&self, part: &Physical, time: &Physical, expr: &Physical) -> Outcome {
        let refuse = |reason| Refusal::new(expr.as_ref(), reason);
        let asked = constant(part).and_then(|value| value.try_as_str().flatten());
        let asked = asked.map(str::to_lowercase);
        let found = PARTS.iter().find(|(name, _, _)| Some(*name) == asked.as_deref());
        let (_, name, range) = found.ok_or_else(|| refuse(Reason::Unknown))?;
        let time = self.value(time)?;
        let kind = time.ty.kind();
        if kind == Kind::Timestamp && !self.scope.is_utc {
            return Err(self.said(name, &kind, expr));
        }
        let signature = self.row(name, kind, expr)?;
        match signature {
            ScalarFuncSig::Hour | ScalarFuncSig::Minute | ScalarFuncSig::Second => {
                // They are parts of a time of the day to the store.
                if let Some(reason) = self.scope.blacklist.blocks_name("cast") {
                    return Err(refuse(Reason::Blocked(reason)));
                }
                let clock =
                    self.build().call(ScalarFuncSig::CastTimeAsDuration, vec![time.expr], Ty::Time);
                Ok(self.build().call(signature, vec![clock.expr], Ty::Int(*range)))
            }
            ScalarFuncSig::DayOfWeek => {
                // Sunday is 0 here and 1 there.
                let from_one = Ty::Int(IntRange::signed(1, 7));
                let day = self.build().call(signature, vec![time.expr], from_one);
                let one: Typed = self.build().small(1);
                self.call(("-", Kind::Int), vec![day.expr, one.expr], Ty::Int(*range), expr)
            }
            _ => Ok(self.build().call(signature, vec![time.expr], Ty::Int(*range))),
        }
    }
}

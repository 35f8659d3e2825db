//! Functions, each over all rows of a table by a projection.

use tifusion_proto::tipb::Expr;
use tifusion_proto::tipb::ScalarFuncSig::{self, *};

use super::dag::{
    self, bigint, bytes, call, date, datetime, decimal, double, duration, int, json, null, number,
    real, string, text, text_of, text_up_to, ubigint, uint,
};
use super::{Question, Table};
use crate::harness::group::{Group, cases, group_tests};
use crate::harness::script::Script;

group_tests!();

fn group() -> Group {
    Group {
        name: "cop_functions",
        cases: cases![
            arithmetic_of_integers,
            arithmetic_of_reals,
            arithmetic_of_decimals,
            rounding,
            bits,
            control,
            logic,
            casts_of_numbers,
            casts_of_texts,
            casts_of_times,
            lengths_of_texts,
            cases_of_texts,
            parts_of_texts,
            searches_in_texts,
            other_texts,
            parts_of_times,
            days_and_weeks,
            arithmetic_of_times,
            documents,
            mathematics,
        ],
    }
}

/// A function of rows by its name.
type Function = (&'static str, Expr);

/// The values of functions, one column each in the answer of a step of its own.
async fn values(s: &mut Script, t: &Table, functions: Vec<Function>) {
    for (what, expr) in functions {
        let ty = expr.field_type.clone().expect("a type");
        let plan = dag::plan(vec![t.scan(), dag::projection(vec![expr])], 1);
        s.ask(what, Question::new(plan, t.all(), vec![ty])).await;
    }
}

/// A function by its signature.
macro_rules! f {
    ($sig:ident: $ty:expr, $($child:expr),* $(,)?) => {
        (stringify!($sig), call(ScalarFuncSig::$sig, $ty, vec![$($child),*]))
    };
}

async fn arithmetic_of_integers(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let (i, u) = (|| t.col("i"), || t.col("u"));
    let functions = vec![
        f!(PlusInt: bigint(), i(), int(10)),
        f!(MinusInt: bigint(), i(), int(10)),
        f!(MultiplyInt: bigint(), i(), int(-3)),
        f!(IntDivideInt: bigint(), i(), int(3)),
        f!(IntDivideInt: bigint(), i(), int(0)),
        f!(ModIntSignedSigned: bigint(), i(), int(3)),
        f!(ModIntSignedSigned: bigint(), i(), int(-2)),
        f!(UnaryMinusInt: bigint(), i()),
        f!(AbsInt: bigint(), i()),
        f!(AbsUInt: ubigint(), u()),
        f!(IntDivideInt: ubigint(), u(), uint(3)),
        f!(ModIntUnsignedUnsigned: ubigint(), u(), uint(10)),
        f!(Sign: bigint(), t.col("d")),
    ];
    values(s, &t, functions).await;
}

async fn arithmetic_of_reals(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let d = || t.col("d");
    let functions = vec![
        f!(PlusReal: double(), d(), real(0.5)),
        f!(MinusReal: double(), d(), real(0.5)),
        f!(MultiplyReal: double(), d(), real(-2.0)),
        f!(DivideReal: double(), d(), real(3.0)),
        f!(DivideReal: double(), d(), real(0.0)),
        f!(ModReal: double(), d(), real(0.7)),
        f!(UnaryMinusReal: double(), d()),
        f!(AbsReal: double(), d()),
        f!(PlusReal: double(), t.col("f"), real(0.1)),
    ];
    values(s, &t, functions).await;
}

async fn arithmetic_of_decimals(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let n = || t.col("n");
    let functions = vec![
        f!(PlusDecimal: decimal(20, 4), n(), number("0.5")),
        f!(MinusDecimal: decimal(20, 4), n(), number("0.0001")),
        f!(MultiplyDecimal: decimal(30, 6), n(), number("-1.25")),
        f!(DivideDecimal: decimal(30, 8), n(), number("3")),
        f!(DivideDecimal: decimal(30, 8), n(), number("0")),
        f!(IntDivideDecimal: bigint(), n(), number("0.3")),
        f!(ModDecimal: decimal(20, 4), n(), number("0.7")),
        f!(UnaryMinusDecimal: decimal(12, 4), n()),
        f!(AbsDecimal: decimal(12, 4), n()),
    ];
    values(s, &t, functions).await;
}

async fn rounding(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let (i, d, n) = (|| t.col("i"), || t.col("d"), || t.col("n"));
    let functions = vec![
        f!(CeilReal: double(), d()),
        f!(FloorReal: double(), d()),
        f!(CeilDecToInt: bigint(), n()),
        f!(FloorDecToInt: bigint(), n()),
        f!(CeilDecToDec: decimal(12, 0), n()),
        f!(FloorDecToDec: decimal(12, 0), n()),
        f!(CeilIntToInt: bigint(), i()),
        f!(RoundReal: double(), d()),
        f!(RoundInt: bigint(), i()),
        f!(RoundDec: decimal(12, 0), n()),
        f!(TruncateInt: bigint(), i(), int(-1)),
        f!(TruncateReal: double(), d(), int(1)),
        f!(TruncateDecimal: decimal(12, 2), n(), int(2)),
        f!(RoundWithFracInt: bigint(), i(), int(-1)),
        f!(RoundWithFracReal: double(), d(), int(1)),
        f!(RoundWithFracDec: decimal(12, 1), n(), int(1)),
    ];
    values(s, &t, functions).await;
}

async fn bits(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let u = || t.col("u");
    let functions = vec![
        f!(BitAndSig: ubigint(), u(), int(6)),
        f!(BitOrSig: ubigint(), u(), int(6)),
        f!(BitXorSig: ubigint(), u(), int(6)),
        f!(BitNegSig: ubigint(), u()),
        f!(LeftShift: ubigint(), u(), int(3)),
        f!(RightShift: ubigint(), u(), int(3)),
        f!(LeftShift: ubigint(), u(), int(64)),
        f!(BitCount: bigint(), u()),
    ];
    values(s, &t, functions).await;
}

async fn control(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let (i, d, n) = (|| t.col("i"), || t.col("d"), || t.col("n"));
    let positive = || call(GtInt, bigint(), vec![i(), int(0)]);
    let functions = vec![
        f!(IfInt: bigint(), positive(), i(), int(-7)),
        f!(IfReal: double(), positive(), d(), real(-7.5)),
        f!(IfDecimal: decimal(12, 4), positive(), n(), number("-7.5")),
        f!(IfString: text(), positive(), string("yes"), string("no")),
        f!(IfNullInt: bigint(), i(), int(-7)),
        f!(IfNullReal: double(), d(), real(-7.5)),
        f!(IfNullDecimal: decimal(12, 4), n(), number("-7.5")),
        f!(CoalesceInt: bigint(), i(), t.col("g"), int(9)),
        f!(CoalesceReal: double(), d(), real(1.0)),
        f!(CoalesceDecimal: decimal(12, 4), n(), number("1")),
        f!(CaseWhenInt: bigint(), positive(), int(1), call(EqInt, bigint(), vec![i(), int(0)]), int(0)),
        f!(CaseWhenString: text(), positive(), string("more"), string("less")),
        f!(GreatestInt: bigint(), i(), int(5)),
        f!(LeastInt: bigint(), i(), int(5), int(3)),
        f!(GreatestReal: double(), d(), real(1.0)),
        f!(LeastDecimal: decimal(12, 4), n(), number("1")),
    ];
    values(s, &t, functions).await;
}

async fn logic(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let (i, g) = (|| t.col("i"), || t.col("g"));
    let functions = vec![
        f!(LogicalAnd: bigint(), i(), g()),
        f!(LogicalOr: bigint(), i(), g()),
        f!(LogicalXor: bigint(), i(), g()),
        f!(UnaryNotInt: bigint(), i()),
        f!(UnaryNotReal: bigint(), t.col("d")),
        f!(UnaryNotDecimal: bigint(), t.col("n")),
        f!(IntIsNull: bigint(), i()),
        f!(RealIsNull: bigint(), t.col("d")),
        f!(DecimalIsNull: bigint(), t.col("n")),
        f!(IntIsTrue: bigint(), i()),
        f!(IntIsFalse: bigint(), i()),
        f!(IntIsTrueWithNull: bigint(), i()),
        f!(LogicalAnd: bigint(), i(), null()),
    ];
    values(s, &t, functions).await;
}

async fn casts_of_numbers(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    let (i, u, d, n) = (|| t.col("i"), || t.col("u"), || t.col("d"), || t.col("n"));
    let functions = vec![
        f!(CastIntAsReal: double(), i()),
        f!(CastIntAsDecimal: decimal(20, 2), i()),
        f!(CastIntAsString: text(), i()),
        f!(CastIntAsInt: ubigint(), i()),
        f!(CastIntAsReal: double(), u()),
        f!(CastIntAsDecimal: decimal(20, 0), u()),
        f!(CastRealAsInt: bigint(), d()),
        f!(CastRealAsDecimal: decimal(30, 3), d()),
        f!(CastRealAsString: text(), d()),
        f!(CastRealAsReal: double(), t.col("f")),
        f!(CastDecimalAsInt: bigint(), n()),
        f!(CastDecimalAsReal: double(), n()),
        f!(CastDecimalAsString: text(), n()),
        f!(CastDecimalAsDecimal: decimal(10, 1), n()),
        f!(CastIntAsTime: datetime(0), t.col("y")),
        f!(CastIntAsDuration: duration(0), i()),
    ];
    values(s, &t, functions).await;
}

async fn casts_of_texts(s: &mut Script) {
    let t = Table::of(s, "texts").await;
    let (s_column, b) = (|| t.col("s"), || t.col("b"));
    let functions = vec![
        f!(CastStringAsInt: bigint(), s_column()),
        f!(CastStringAsReal: double(), s_column()),
        f!(CastStringAsDecimal: decimal(20, 2), s_column()),
        f!(CastStringAsTime: datetime(3), s_column()),
        f!(CastStringAsTime: date(), b()),
        f!(CastStringAsDuration: duration(0), t.col("c")),
        f!(CastStringAsInt: bigint(), b()),
        f!(CastStringAsString: bytes(), s_column()),
        f!(CastJsonAsString: text(), t.col("j")),
        f!(CastJsonAsInt: bigint(), t.col("j")),
        f!(CastJsonAsReal: double(), t.col("j")),
    ];
    values(s, &t, functions).await;
}

async fn casts_of_times(s: &mut Script) {
    let t = Table::of(s, "dates").await;
    let (d, dt, time) = (|| t.col("d"), || t.col("dt"), || t.col("t"));
    let functions = vec![
        f!(CastTimeAsInt: bigint(), d()),
        f!(CastTimeAsInt: bigint(), dt()),
        f!(CastTimeAsReal: double(), dt()),
        f!(CastTimeAsDecimal: decimal(30, 6), dt()),
        f!(CastTimeAsString: text(), dt()),
        f!(CastTimeAsTime: date(), dt()),
        f!(CastTimeAsTime: datetime(2), dt()),
        f!(CastTimeAsDuration: duration(3), dt()),
        f!(CastDurationAsInt: bigint(), time()),
        f!(CastDurationAsReal: double(), time()),
        f!(CastDurationAsDecimal: decimal(20, 3), time()),
        f!(CastDurationAsString: text(), time()),
        f!(CastDurationAsDuration: duration(1), time()),
    ];
    values(s, &t, functions).await;
}

async fn lengths_of_texts(s: &mut Script) {
    let t = Table::of(s, "texts").await;
    let functions = vec![
        f!(Length: bigint(), t.col("s")),
        f!(BitLength: bigint(), t.col("s")),
        f!(CharLengthUtf8: bigint(), t.col("s")),
        f!(CharLength: bigint(), t.col("b")),
        f!(Ascii: bigint(), t.col("s")),
        f!(Strcmp: bigint(), t.col("s"), string("abc")),
        f!(Strcmp: bigint(), t.col("c"), t.col("c")),
        f!(Crc32: ubigint(), t.col("b")),
    ];
    values(s, &t, functions).await;
}

async fn cases_of_texts(s: &mut Script) {
    let t = Table::of(s, "texts").await;
    let functions = vec![
        f!(UpperUtf8: text(), t.col("s")),
        f!(LowerUtf8: text(), t.col("c")),
        f!(Upper: bytes(), t.col("b")),
        f!(Lower: bytes(), t.col("b")),
        f!(LTrim: text(), t.col("c")),
        f!(RTrim: text(), t.col("c")),
        f!(Trim1Arg: text(), t.col("c")),
        f!(Trim2Args: text(), t.col("s"), string("a")),
        f!(ReverseUtf8: text(), t.col("s")),
        f!(Reverse: bytes(), t.col("b")),
    ];
    values(s, &t, functions).await;
}

async fn parts_of_texts(s: &mut Script) {
    let t = Table::of(s, "texts").await;
    let text_column = || t.col("s");
    let functions = vec![
        f!(LeftUtf8: text(), text_column(), int(2)),
        f!(RightUtf8: text(), text_column(), int(2)),
        f!(Left: bytes(), t.col("b"), int(2)),
        f!(Right: bytes(), t.col("b"), int(-1)),
        f!(Substring2ArgsUtf8: text(), text_column(), int(3)),
        f!(Substring3ArgsUtf8: text(), text_column(), int(-4), int(2)),
        f!(Substring2Args: bytes(), t.col("b"), int(0)),
        f!(Substring3Args: bytes(), t.col("b"), int(2), int(1)),
        f!(SubstringIndex: text(), text_column(), string("-"), int(2)),
        f!(SubstringIndex: text(), text_column(), string("b"), int(-1)),
        f!(LpadUtf8: text_up_to(20), text_column(), int(5), string("xy")),
        f!(RpadUtf8: text_up_to(20), text_column(), int(5), string("xy")),
        f!(InsertUtf8: text(), text_column(), int(2), int(1), string("ZZ")),
    ];
    values(s, &t, functions).await;
}

async fn searches_in_texts(s: &mut Script) {
    let t = Table::of(s, "texts").await;
    let functions = vec![
        f!(Locate2ArgsUtf8: bigint(), string("b"), t.col("s")),
        f!(Locate2ArgsUtf8: bigint(), string("B"), t.col("c")),
        f!(Locate3ArgsUtf8: bigint(), string("l"), t.col("s"), int(4)),
        f!(InstrUtf8: bigint(), t.col("s"), string("c")),
        f!(LikeSig: bigint(), t.col("s"), string("a%"), int(92)),
        f!(LikeSig: bigint(), t.col("c"), string("a%"), int(92)),
        f!(LikeSig: bigint(), t.col("s"), string("a\\_b\\%_"), int(92)),
        f!(LikeSig: bigint(), t.col("s"), string("%ö%"), int(92)),
        f!(FindInSet: bigint(), t.col("s"), string("x,abc,y")),
        f!(FieldString: bigint(), t.col("s"), string("x"), string("abc")),
        f!(RegexpUtf8Sig: bigint(), t.col("s"), string("^[a-z]+")),
    ];
    values(s, &t, functions).await;
}

async fn other_texts(s: &mut Script) {
    let t = Table::of(s, "texts").await;
    let text_column = || t.col("s");
    let functions = vec![
        f!(Concat: text(), text_column(), string("+"), t.col("c")),
        f!(ConcatWs: text(), string(","), text_column(), t.col("c"), string("z")),
        f!(Replace: text(), text_column(), string("b"), string("BB")),
        f!(Repeat: text(), text_column(), int(2)),
        f!(Space: text(), t.col("k")),
        f!(HexStrArg: text(), text_column()),
        f!(HexIntArg: text(), t.col("k")),
        f!(UnHex: bytes(), text_column()),
        f!(Bin: text(), t.col("k")),
        f!(OctInt: text(), t.col("k")),
        f!(Elt: text(), t.col("k"), string("a"), string("b"), string("c")),
        f!(IfNullString: text(), text_column(), string("none")),
        f!(CoalesceString: text_of(dag::GENERAL_CI), t.col("c"), string("none")),
        f!(GreatestString: text(), text_column(), string("abc")),
        f!(LeastString: text(), text_column(), string("abc")),
    ];
    values(s, &t, functions).await;
}

async fn parts_of_times(s: &mut Script) {
    let t = Table::of(s, "dates").await;
    let (d, dt, time) = (|| t.col("d"), || t.col("dt"), || t.col("t"));
    let functions = vec![
        f!(Year: bigint(), d()),
        f!(Month: bigint(), d()),
        f!(DayOfMonth: bigint(), d()),
        f!(Quarter: bigint(), d()),
        f!(Hour: bigint(), time()),
        f!(Minute: bigint(), time()),
        f!(Second: bigint(), time()),
        f!(MicroSecond: bigint(), time()),
        f!(TimeToSec: bigint(), time()),
        f!(Date: date(), dt()),
        f!(MonthName: text(), d()),
        f!(DayName: text(), d()),
        f!(DateFormatSig: text(), dt(), string("%Y-%m-%d %H:%i:%s.%f %a %b %j %y %U %u %V %v %X %x %p %r %T %W %w %M %c %e %k %l %h %I %D %%")),
        f!(LastDay: date(), d()),
    ];
    values(s, &t, functions).await;
}

async fn days_and_weeks(s: &mut Script) {
    let t = Table::of(s, "dates").await;
    let d = || t.col("d");
    let functions = vec![
        f!(DayOfWeek: bigint(), d()),
        f!(DayOfYear: bigint(), d()),
        f!(WeekDay: bigint(), d()),
        f!(WeekOfYear: bigint(), d()),
        f!(WeekWithoutMode: bigint(), d()),
        f!(WeekWithMode: bigint(), d(), int(1)),
        f!(WeekWithMode: bigint(), d(), int(3)),
        f!(WeekWithMode: bigint(), d(), int(6)),
        f!(YearWeekWithoutMode: bigint(), d()),
        f!(YearWeekWithMode: bigint(), d(), int(3)),
        f!(ToDays: bigint(), d()),
        f!(ToSeconds: bigint(), d()),
        f!(DateDiff: bigint(), t.col("dt"), d()),
        f!(UnixTimestampInt: bigint(), t.col("ts")),
    ];
    values(s, &t, functions).await;
}

async fn arithmetic_of_times(s: &mut Script) {
    let t = Table::of(s, "dates").await;
    let (d, dt, time) = (|| t.col("d"), || t.col("dt"), || t.col("t"));
    let functions = vec![
        f!(AddDateDatetimeInt: datetime(6), dt(), int(1), string("DAY")),
        f!(AddDateDatetimeInt: datetime(6), dt(), int(-1), string("MONTH")),
        f!(SubDateDatetimeInt: datetime(6), dt(), int(1), string("YEAR")),
        f!(SubDateDatetimeInt: datetime(6), dt(), int(90), string("MINUTE")),
        f!(AddDateDatetimeString: datetime(6), dt(), string("1 02:03:04"), string("DAY_SECOND")),
        f!(AddDatetimeAndDuration: datetime(6), dt(), time()),
        f!(SubDatetimeAndDuration: datetime(6), dt(), time()),
        f!(AddDurationAndDuration: duration(3), time(), time()),
        f!(SubDurationAndDuration: duration(3), time(), time()),
        f!(IfNullTime: datetime(6), dt(), dt()),
        f!(CoalesceTime: datetime(6), dt(), dt()),
        f!(CoalesceDuration: duration(3), time(), time()),
        f!(TimestampDiff: bigint(), string("DAY"), d(), dt()),
        f!(TimestampDiff: bigint(), string("SECOND"), d(), dt()),
    ];
    values(s, &t, functions).await;
}

async fn documents(s: &mut Script) {
    let t = Table::of(s, "texts").await;
    let j = || t.col("j");
    let functions = vec![
        f!(JsonTypeSig: text(), j()),
        f!(JsonExtractSig: json(), j(), string("$.a")),
        f!(JsonExtractSig: json(), j(), string("$.b[1]")),
        f!(JsonExtractSig: json(), j(), string("$[*]")),
        f!(JsonUnquoteSig: text(), call(CastJsonAsString, text(), vec![j()])),
        f!(JsonLengthSig: bigint(), j()),
        f!(JsonArraySig: json(), j(), call(CastIntAsJson, json(), vec![t.col("k")])),
        f!(JsonObjectSig: json(), string("k"), j()),
        f!(JsonValidJsonSig: bigint(), j()),
        f!(JsonValidStringSig: bigint(), t.col("s")),
        f!(CastStringAsJson: json(), t.col("s")),
        f!(CastIntAsJson: json(), t.col("k")),
    ];
    values(s, &t, functions).await;
}

async fn mathematics(s: &mut Script) {
    let t = Table::of(s, "nums").await;
    // Of values whose results are the same on every machine.
    let small = |name: &str| call(ModReal, double(), vec![t.col(name), real(4.0)]);
    let functions = vec![
        f!(Sqrt: double(), t.col("d")),
        f!(Log1Arg: double(), t.col("d")),
        f!(Log2: double(), small("f")),
        f!(Log10: double(), small("f")),
        f!(Pow: double(), small("f"), real(2.0)),
        f!(Exp: double(), call(MultiplyReal, double(), vec![small("f"), real(0.0)])),
        f!(Degrees: double(), small("f")),
        f!(Radians: double(), small("f")),
    ];
    values(s, &t, functions).await;
    let constant: Vec<(&str, Expr)> = vec![("Pi", call(Pi, double(), Vec::new()))];
    values(s, &t, constant).await;
}

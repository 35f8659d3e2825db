//! Aggregates, groups and orders.

use datafusion::arrow::compute::SortOptions;
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_aggregate::bit_and_or_xor::bit_and_udaf;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::min_max::max_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::AggregateUDF;
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::aggregate::AggregateExprBuilder;

use super::*;
use crate::pushdown::lower::{AggregateCall, Grouping, Lowering, Physical};
use crate::pushdown::partial::{Bound, PartialAggregate, State};
use crate::pushdown::refusal::Refusal;

struct Table {
    scope: Scope,
    schema: Arc<Schema>,
}

impl Table {
    fn new(circumstances: Circumstances) -> Self {
        let mut columns = columns();
        let mut price = FieldType::new(tp::NEW_DECIMAL, 0);
        (price.flen, price.decimal) = (15, 2);
        columns.push(("price", price, DataType::Decimal128(15, 2)));
        let mut wide = FieldType::new(tp::NEW_DECIMAL, 0);
        (wide.flen, wide.decimal) = (24, 12);
        columns.push(("wide", wide, DataType::Decimal128(24, 12)));
        let mut long = FieldType::new(tp::NEW_DECIMAL, 0);
        (long.flen, long.decimal) = (30, 2);
        columns.push(("long", long, DataType::Decimal128(30, 2)));
        let named = columns.iter().map(|(name, field_type, _)| (*name, field_type));
        let scope = Scope::new(named, circumstances);
        let fields = columns.iter().map(|(name, _, ty)| Field::new(*name, ty.clone(), true));
        Self { scope, schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())) }
    }

    fn physical(&self, expr: &Expr) -> Physical {
        let schema = DFSchema::try_from(Arc::clone(&self.schema)).unwrap();
        let context = PhysicalPlanningContext::default();
        create_physical_expr(expr, &schema, &ExecutionProps::new(), &context).unwrap()
    }

    fn call(
        &self,
        function: Arc<AggregateUDF>,
        args: &[Expr],
        filter: Option<&Expr>,
    ) -> AggregateCall {
        let args: Vec<Physical> = args.iter().map(|arg| self.physical(arg)).collect();
        let built = AggregateExprBuilder::new(function, args.clone())
            .schema(Arc::clone(&self.schema))
            .alias("made");
        let function = Arc::new(built.build().unwrap());
        AggregateCall { function, args, filter: filter.map(|filter| self.physical(filter)) }
    }

    fn aggregate(
        &self,
        keys: &[Expr],
        calls: &[AggregateCall],
    ) -> Result<PartialAggregate, Refusal> {
        let keys: Vec<Physical> = keys.iter().map(|key| self.physical(key)).collect();
        let mut fields: Vec<_> =
            keys.iter().map(|key| key.return_field(&self.schema).unwrap()).collect();
        fields.extend(calls.iter().flat_map(|call| call.function.state_fields().unwrap()));
        let states = Schema::new(fields);
        let grouping = Grouping { keys: &keys, calls, states: &states };
        PartialAggregate::of(grouping, &self.scope, &self.schema)
    }
}

fn table() -> Table {
    Table::new(circumstances())
}

fn collation(expr: &tipb::Expr) -> i32 {
    expr.field_type.as_ref().unwrap().collate()
}

#[test]
fn texts_are_grouped_and_compared_by_bytes() {
    let table = table();
    let max = table.call(max_udaf(), &[ident("s")], None);
    let made = table.aggregate(&[ident("s")], &[max]).unwrap();
    let ([function], [group]) = (made.functions.as_slice(), made.groups.as_slice()) else {
        panic!("{made:?}")
    };
    assert_eq!((function.tp(), collation(function)), (ExprType::Max, -63));
    assert_eq!((group.sig(), collation(group)), (ScalarFuncSig::CoalesceString, -63));
    assert_eq!(made.states, [State::Value(1), State::Value(0)]);
    assert_eq!(made.answer[1].data_type, DataType::LargeUtf8);
    assert!(table.aggregate(&[ident("gbk")], &[]).is_err());
}

#[test]
fn an_average_shares_its_sum_and_its_count() {
    let table = table();
    let calls = [
        table.call(sum_udaf(), &[ident("x")], None),
        table.call(avg_udaf(), &[ident("x")], None),
        table.call(sum_udaf(), &[ident("big")], None),
    ];
    let made = table.aggregate(&[], &calls).unwrap();
    let functions: Vec<ExprType> = made.functions.iter().map(tipb::Expr::tp).collect();
    assert_eq!(functions, [ExprType::Sum, ExprType::Count, ExprType::Sum]);
    let states =
        [State::Sum(0), State::Counted { value: 1, count: 1 }, State::Sum(0), State::Sum(2)];
    assert_eq!(made.states, states);
    assert_eq!(made.answer[2].data_type, DataType::Decimal256(76, 0));
}

#[test]
fn bits_of_no_row_are_null_and_a_filter_is_a_case() {
    let table = table();
    let made = table.aggregate(&[], &[table.call(bit_and_udaf(), &[ident("int")], None)]).unwrap();
    assert_eq!(made.states, [State::Counted { value: 0, count: 1 }]);
    let filter = ident("tiny").gt(lit(1_i8));
    let call = table.call(count_udaf(), &[ident("day"), ident("s")], Some(&filter));
    assert_eq!(call.to_string(), "count(day, s) FILTER (WHERE tiny > 1)");
    let made = table.aggregate(&[], &[call]).unwrap();
    assert_eq!(made.functions[0].children[0].sig(), ScalarFuncSig::CaseWhenInt);
}

#[test]
fn what_the_store_would_tell_otherwise_stays() {
    let table = table();
    let reason = |table: &Table, keys: &[Expr], calls: &[AggregateCall]| {
        table.aggregate(keys, calls).unwrap_err().to_string()
    };
    let max = |table: &Table, column: &str| table.call(max_udaf(), &[ident(column)], None);
    assert!(reason(&table, &[], &[max(&table, "x")]).contains("-0.0"));
    assert!(table.aggregate(&[ident("int")], &[max(&table, "x")]).is_ok());
    assert!(reason(&table, &[ident("x")], &[]).contains("-0.0"));
    assert!(reason(&table, &[ident("doc")], &[]).contains("JSON"));
    let dates = Table::new(Circumstances { zero_date: ZeroDate::Error, ..circumstances() });
    assert!(reason(&dates, &[], &[max(&dates, "day")]).contains("zero_date = error"));
    assert!(reason(&dates, &[ident("day")], &[]).contains("zero_date = error"));
    let blacklist = Arc::new(Blacklist::new(&[], Some(&["MAX".to_owned()])));
    let without = Table::new(Circumstances { blacklist, ..circumstances() });
    assert!(reason(&without, &[], &[max(&without, "int")]).contains("mysql.expr_pushdown"));
}

#[test]
fn a_product_with_more_digits_than_here_is_looked_at() {
    let table = table();
    let one = || lit(ScalarValue::Decimal128(Some(1), 20, 0));
    let net = ident("price") * (one() - ident("price"));
    let made =
        table.aggregate(&[], &[table.call(sum_udaf(), std::slice::from_ref(&net), None)]).unwrap();
    assert_eq!((made.functions.len(), made.bounded.len()), (1, 0));
    let gross = net.clone() * (one() + ident("price"));
    let made = table
        .aggregate(&[], &[table.call(sum_udaf(), std::slice::from_ref(&gross), None)])
        .unwrap();
    let functions: Vec<ExprType> = made.functions.iter().map(tipb::Expr::tp).collect();
    assert_eq!(functions, [ExprType::Max, ExprType::Sum]);
    let looked_at = |made: &PartialAggregate| {
        let size = &made.functions[0].children[0];
        assert_eq!(size.sig(), ScalarFuncSig::AbsDecimal);
        size.children[0].sig()
    };
    // 1 + price has 16 digits, as the other factor has 32: it is small enough up to 1.7e6, of hundredths.
    assert_eq!(looked_at(&made), ScalarFuncSig::PlusDecimal);
    let most = i128::MAX / 10_i128.pow(32);
    assert_eq!(made.bounded, [Bound { place: 0, most, is_exact: false }]);
    let exact = made.exact.as_deref().unwrap();
    assert_eq!(looked_at(exact), ScalarFuncSig::MultiplyDecimal);
    assert_eq!(exact.bounded, [Bound { place: 0, most: i128::MAX, is_exact: true }]);
    assert_eq!((exact.functions.len(), exact.groups.len(), &exact.exact), (1, 0, &None));
    // A constant is the same in all rows: the column is looked at, on whichever side it is.
    let many = || lit(ScalarValue::Decimal128(Some(1_000_000_000), 20, 0));
    for product in [many() * ident("long"), ident("long") * many()] {
        let made = table.aggregate(&[], &[table.call(sum_udaf(), &[product], None)]).unwrap();
        assert_eq!(made.functions[0].children[0].children[0].tp(), ExprType::ColumnRef);
        assert!(!made.bounded[0].is_exact && made.bounded[0].most > 10_i128.pow(20));
    }
    // Of factors of 24 digits none is small enough: the product itself is looked at.
    let wide = ident("wide") * ident("wide");
    let made = table.aggregate(&[], &[table.call(sum_udaf(), &[wide], None)]).unwrap();
    assert_eq!(looked_at(&made), ScalarFuncSig::MultiplyDecimal);
    assert_eq!(made.bounded, [Bound { place: 0, most: i128::MAX, is_exact: true }]);
    assert_eq!(made.exact, None);
    // Where it depends on the row whether it is computed, it stays here.
    let some = when(ident("int").gt(lit(1_i32)), gross.clone()).end().unwrap();
    assert!(table.aggregate(&[], &[table.call(sum_udaf(), &[some], None)]).is_err());
    let filter = ident("int").gt(lit(1_i32));
    assert!(
        table
            .aggregate(&[], &[table.call(sum_udaf(), std::slice::from_ref(&gross), Some(&filter))])
            .is_err()
    );
    // Nine words of a store's don't hold its digits.
    let more = gross.clone() * (one() + ident("price"));
    assert!(table.aggregate(&[], &[table.call(sum_udaf(), &[more], None)]).is_err());
    // As a condition nobody looks at it.
    let filters = Filters::new(&[table.physical(&gross.gt(one()))], &table.scope, &table.schema);
    assert!(filters.conditions.is_empty(), "{filters:?}");
}

#[test]
fn nulls_come_where_they_are_asked_to() {
    let table = table();
    let items = |descending, nulls_first| {
        let options = SortOptions { descending, nulls_first };
        let key = PhysicalSortExpr { expr: table.physical(&ident("int")), options };
        Lowering::new(&table.scope, &table.schema).order(&[key]).unwrap()
    };
    for (descending, nulls_first, keys) in
        [(false, true, 1), (true, false, 1), (false, false, 2), (true, true, 2)]
    {
        let (items, shown) = items(descending, nulls_first);
        assert_eq!(items.len(), keys, "{shown}");
        assert!(items.iter().all(|item| item.desc() == descending));
    }
    assert_eq!(items(true, false).1, "int DESC NULLS LAST");
    let key = PhysicalSortExpr::new_default(table.physical(&ident("x")));
    assert!(Lowering::new(&table.scope, &table.schema).order(&[key]).is_err());
}

//! `FLOAT` and `DOUBLE`.

use arrow_array::{Float32Array, Float64Array};
use arrow_schema::DataType;
use tifusion_codec::field_type::tp;

use crate::check::{Column, field_type};
use crate::writer::Cell::{Double, Float, Null};

#[test]
fn double() {
    let values =
        [0.0, 1.5, -1.5, f64::MIN, f64::MAX, f64::MIN_POSITIVE, 5e-324, f64::NEG_INFINITY, 0.1];
    let mut cells: Vec<_> = values.into_iter().map(Double).collect();
    cells.push(Null);
    let mut expected: Vec<_> = values.into_iter().map(Some).collect();
    expected.push(None);
    let column = Column::new(field_type(tp::DOUBLE, 0), DataType::Float64);
    column.check(&cells, Float64Array::from(expected));
    column.check(&[], Float64Array::from(Vec::<f64>::new()));
}

#[test]
fn float() {
    let values = [0.0, 1.5, -0.1, f32::MIN, f32::MAX, f32::MIN_POSITIVE, 1e-45];
    let mut cells: Vec<_> = values.into_iter().map(Float).collect();
    cells.push(Null);
    let mut expected: Vec<_> = values.into_iter().map(Some).collect();
    expected.push(None);
    let column = Column::new(field_type(tp::FLOAT, 0), DataType::Float32);
    column.check(&cells, Float32Array::from(expected));
    column.check(&[Null, Null], Float32Array::from(vec![None; 2]));
}

#[test]
fn a_float_widens_exactly() {
    let values = [0.1_f32, f32::MIN, f32::MAX, 1e-45];
    let cells = values.map(Float);
    let expected: Vec<f64> = values.into_iter().map(f64::from).collect();
    let column = Column::new(field_type(tp::FLOAT, 0), DataType::Float64);
    column.check(&cells, Float64Array::from(expected));
}

#[test]
fn the_sign_of_zero_survives_in_a_chunk() {
    let column = Column::new(field_type(tp::DOUBLE, 0), DataType::Float64);
    let array = column.decode_chunk(&[Double(-0.0)]).unwrap();
    let array = array.as_any().downcast_ref::<Float64Array>().unwrap();
    assert_eq!(array.value(0).to_bits(), (-0.0_f64).to_bits());
}

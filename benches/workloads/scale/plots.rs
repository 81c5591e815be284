//! Lines over a logarithmic axis of numbers, as SVG.

use std::path::Path;

use anyhow::anyhow;
use plotters::prelude::*;
use workloads::statistics::as_f64;

pub struct Line {
    pub name: &'static str,
    pub points: Vec<(usize, f64)>,
}

pub struct Plot {
    pub title: &'static str,
    pub number: &'static str,
    pub lines: Vec<Line>,
}

const SIZE: (u32, u32) = (900, 440);
const WIDTH_OF_PLOT: i32 = 700;

impl Plot {
    pub fn draw(&self, file: &Path) -> anyhow::Result<()> {
        let area = SVGBackend::new(file, SIZE).into_drawing_area();
        self.draw_on(&area).map_err(|error| anyhow!("{}: {error}", file.display()))?;
        area.present().map_err(|error| anyhow!("{}: {error}", file.display()))
    }

    fn draw_on<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, plotters::coord::Shift>,
    ) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let points = || self.lines.iter().flat_map(|line| line.points.iter().copied());
        let numbers = || points().map(|(number, _)| as_f64(number as u64));
        let (least, most) = (numbers().fold(f64::MAX, f64::min), numbers().fold(2.0, f64::max));
        let highest = points().map(|(_, value)| value).fold(1.0, f64::max) * 1.1;

        area.fill(&WHITE)?;
        // The names of the lines are beside the plot, so that they hide nothing.
        let (plot, names) = area.split_horizontally(WIDTH_OF_PLOT);
        let mut chart = ChartBuilder::on(&plot)
            .caption(self.title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(70)
            .build_cartesian_2d((least..most).log_scale(), 0.0..highest)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc(self.number)
            .x_label_formatter(&|number| format!("{number:.0}"))
            .y_label_formatter(&|value| format!("{value:.0}"))
            .draw()?;
        for (index, Line { name, points }) in self.lines.iter().enumerate() {
            let color = Palette99::pick(index).to_rgba();
            let points = points.iter().map(|(number, value)| (as_f64(*number as u64), *value));
            chart.draw_series(LineSeries::new(points, color.filled().stroke_width(2)).point_size(3))?;
            let y = 60 + 22 * i32::try_from(index).unwrap_or_default();
            names.draw(&PathElement::new([(8, y), (28, y)], color.stroke_width(2)))?;
            names.draw(&Text::new(*name, (34, y - 7), ("sans-serif", 16)))?;
        }
        Ok(())
    }
}

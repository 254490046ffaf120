"""Results as a table and as a sentence."""

from __future__ import annotations

from smaply_metrics_core.charts import (
    answer_count_text,
    data_table,
    default_chart,
    headline,
    summary,
)
from smaply_metrics_core.models.metric import ChartType
from smaply_metrics_core.models.query import Calculation, GroupBy, Period
from tests.charts.factories import (
    PLAIN,
    comparison,
    display,
    distribution,
    group,
    number,
    periods,
    series,
)

DASH = "\N{EN DASH}"
AUTUMN, SUMMER = f"1 Sep {DASH} 25 Nov 2026", f"1 Jun {DASH} 25 Aug 2026"


def test_a_series_has_a_row_for_each_group() -> None:
    """Every group has a row with its value and answers, even without a value."""
    shops = series([group("Nord", 40.0, 1200), group("Süd", None, 0)], ungrouped=3)

    table = data_table(shops, display(prefix="~"))

    assert table.caption == f"Share, {AUTUMN}"
    assert table.columns == ("Group", "Share", "Answers", "Remarks")
    assert table.rows == (
        ("Nord", "~40%", "1,200", ""),
        ("Süd", "—", "0", "fewer than 30 answers"),
    )
    assert table.note == "3 responses in no group"


def test_periods_have_remarks() -> None:
    """Running periods and small samples are named in the remarks."""
    months = series(periods(Period.MONTH, "2026-10", [3.1, 3.4], running=True, answered=7))

    table = data_table(months, display(target=3))

    assert table.columns[0] == "Period"
    assert table.rows[-1] == ("Nov 2026", "3%", "7", "still running, fewer than 30 answers")
    assert table.note == "Target 3%"


def test_there_is_no_empty_column_of_remarks() -> None:
    """A table without remarks has no column for them."""
    table = data_table(distribution({"Ja": 60, "Nein": 40}), PLAIN)

    assert table.columns == ("Group", "Distribution", "Answers")
    assert table.rows == (("Ja", "60%", "60"), ("Nein", "40%", "40"))


def test_a_number_is_one_row() -> None:
    """A number has one row with its dates and its target."""
    table = data_table(number(57.0), display(target=60))

    assert table.rows == ((AUTUMN, "57%", "128", "Target 60%: missed"),)


def test_a_comparison_has_three_rows() -> None:
    """The rows are the previous window, the current window and the change."""
    table = data_table(comparison(1280.0, 1455.0, Calculation.RESPONSES), PLAIN)

    assert table.rows == (
        (SUMMER, "1,455", "128"),
        (AUTUMN, "1,280", "128"),
        ("Change", "\N{MINUS SIGN}12%", ""),
    )


def test_a_comparison_without_a_previous_value_has_a_reason() -> None:
    """An unknown change is a dash with the reason as a remark."""
    rows = data_table(comparison(40.0, None), PLAIN).rows

    assert rows[0] == (SUMMER, "—", "128", "There are no answers")
    assert rows[-1] == ("Change", "—", "", "There is no previous value.")


def test_a_summary_of_a_number() -> None:
    """The sentence has the value, the target and the number of answers."""
    assert summary(number(57.0), PLAIN) == "Share: 57% of 128 answers."
    assert summary(number(57.0, answered=12), display(target=60, heading="Zufriedenheit")) == (
        "Zufriedenheit: 57% of 12 answers, Target 60%: missed; fewer than 30 answers."
    )
    assert summary(number(57.0, answered=1), PLAIN).startswith("Share: 57% of 1 answer; ")
    assert summary(number(None), PLAIN) == "Share: —, There are no answers; 128 answers."


def test_a_summary_of_a_series() -> None:
    """The sentence has the highest and lowest value, and the latest of periods."""
    months = series(periods(Period.MONTH, "2026-09", [31.0, 44.0, 38.0], running=True))
    shops = series([group("North", 40.0), group("South", 60.0), group("West", None, 0)])

    assert summary(months, PLAIN) == (
        "Share: 3 months, latest Nov 2026 38% (still running), highest Oct 2026 44%, "
        "lowest Sep 2026 31%; 300 answers."
    )
    assert summary(shops, display(target=50)) == (
        "Share: 3 groups, target 50%, highest South 60%, lowest North 40%; 200 answers; "
        "1 group has fewer than 30 answers."
    )
    one = series([group("North", 40.0)])
    assert summary(one, PLAIN) == "Share: 1 group, North 40%; 100 answers."
    assert summary(series([]), PLAIN) == "Share: no values yet; 0 answers; fewer than 30 answers."


def test_a_summary_of_a_comparison() -> None:
    """The sentence has the current value, the change and the previous value."""
    assert summary(comparison(42.2, 38.0), PLAIN) == (
        f"Share: 42% of 128 answers, +4.2 points vs. 38% ({SUMMER})."
    )
    assert summary(comparison(40.0, None), PLAIN) == (
        "Share: 40% of 128 answers, There is no previous value."
    )


def test_rows_of_a_matrix_have_no_overall_value() -> None:
    """The table, the sentence and the number of answers are those of rows."""
    groups = [group("Speed", 3.5, 40), group("Price", 4.25, 38), group("Calm", None, 0)]
    rows = series(groups, Calculation.AVERAGE, value=None, group_by=GroupBy(kind="row"))
    assert data_table(rows, PLAIN).columns[0] == "Row"
    assert headline(rows, PLAIN).text == ""
    assert answer_count_text(rows) == "n = 0 to 40 per row"
    assert summary(rows, PLAIN).startswith(
        "Average: 3 rows, highest Price 4.3, lowest Speed 3.5; 0 to 40 answers per row"
    )
    assert default_chart(rows, PLAIN) is ChartType.HORIZONTAL_BAR
    assert default_chart(rows, display(ChartType.PIE)) is ChartType.HORIZONTAL_BAR


def test_respondents_are_named_if_they_gave_several_answers() -> None:
    """As over the loops of a question."""
    pooled = number(40.0)
    pooled = pooled.model_copy(
        update={"current": pooled.current.model_copy(update={"answered": 30, "respondents": 12})}
    )
    assert answer_count_text(pooled) == "30 answers of 12 respondents"
    assert "30 answers of 12 respondents" in summary(pooled, PLAIN)

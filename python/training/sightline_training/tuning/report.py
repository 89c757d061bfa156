"""The report of a tuning: what was measured before and after, and the pictures that changed sides, as one HTML file."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sightline_base.retrieval import l2_normalized

from .choose import Candidate, Choice
from .exam import VIEWS, Answers, Exam

MOST_SHOWN = 40
THUMB = 96
STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2430;background:#fff}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .8rem;text-align:right;border-bottom:1px solid #d8dde5}
td:first-child,th:first-child{text-align:left}.verdict{font-size:1.15rem;padding:.8rem 1rem;background:#eef3fb;border-left:4px solid #2d62b3}
.turned{display:flex;flex-wrap:wrap;gap:1rem}.turned figure{margin:0;width:21rem;border:1px solid #d8dde5;padding:.5rem}
.turned img{width:96px;height:96px;margin-right:.2rem}figcaption{font-size:.85rem}.chosen{background:#eef3fb}
"""


@dataclass(frozen=True)
class Verdict:
    """What the report says above all: the sentences, whether a model was written, and the thresholds before and after."""

    sentences: list[str]
    thresholds: tuple[float, float]
    named: tuple[float, float]
    kept: tuple[float, float]


@dataclass(frozen=True)
class Turned:
    """A picture whose answer was wrong and is right, or the other way round: indices of the gallery's nearest."""

    asked: int
    view: int  # -1 is the photograph itself
    before: int
    now: int
    is_gain: bool


def changed_sides(exam: Exam, before: Answers, now: Answers) -> list[Turned]:
    """Of the photographs and their camera views, those whose first answer became right or wrong; losses first."""
    count = len(exam.asked)
    turned: list[Turned] = []
    for view in range(-1, VIEWS):
        part = slice(view * count, (view + 1) * count)
        first = _nearest(before.asked if view < 0 else before.views[part], before.gallery)
        second = _nearest(now.asked if view < 0 else now.views[part], now.gallery)
        for index, (a, b) in enumerate(zip(first, second, strict=True)):
            was, is_now = (exam.gallery_labels[one] == exam.asked_labels[index] for one in (a, b))
            if was != is_now:
                turned.append(Turned(index, view, int(a), int(b), bool(is_now)))
    return sorted(turned, key=lambda one: one.is_gain)


def write_report(path: Path, exam: Exam, choice: Choice, shown: Candidate, verdict: Verdict, left_out: Sequence[str]) -> None:
    """Writes the HTML; `shown` is the candidate whose figures stand beside the start's."""
    turned = changed_sides(exam, choice.start.answers, shown.answers)
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Tuning</title>", f"<style>{STYLE}</style><h1>Tuning</h1>",
        "<div class=verdict>" + "".join(f"<p>{html.escape(one)}</p>" for one in verdict.sentences) + "</div>",
        _table(exam, choice.start, shown, verdict), "<h2>Pictures that changed sides</h2>", _pictures(exam, turned),
        "<h2>What was tried</h2>", _tried(choice),
    ]
    if left_out:
        parts.append("<h2>Left out</h2><ul>" + "".join(f"<li>{html.escape(one)}</li>" for one in left_out) + "</ul>")
    path.write_text("\n".join(parts), encoding="utf-8")


def _table(exam: Exam, start: Candidate, shown: Candidate, verdict: Verdict) -> str:
    a, b = start.marks, shown.marks
    rows = [
        (f"own pictures, recall@1 ({len(exam.asked)} asked, none of them learned)", a.own.recall1, b.own.recall1),
        ("own pictures, mAP", a.own.map, b.own.map),
        ("the same in other light, recall@1", a.camera.recall1, b.camera.recall1),
        (f"products that were not learned, recall@1 ({a.fresh.queries} asked)", a.fresh.recall1, b.fresh.recall1),
        (f"made packages, recall@1 ({a.check.queries} asked)", a.check.recall1, b.check.recall1),
        ("threshold", *verdict.thresholds), ("strangers that get a name there", *verdict.named),
        ("right names that stay there", *verdict.kept),
    ]
    body = "".join(f"<tr><td>{html.escape(name)}<td>{first:.3f}<td>{second:.3f}</tr>" for name, first, second in rows)
    return f"<table><tr><th><th>as it began<th>{'as tuned' if not shown.is_start else 'the same'}</tr>{body}</table>"


def _tried(choice: Choice) -> str:
    head = "<tr><th>way to the learned weights<th>turn<th>own<th>other light<th>not learned<th>made packages<th>agreement</tr>"
    rows = []
    for one in choice.candidates:
        m = one.marks
        figures = "".join(f"<td>{value:.3f}" for value in (m.own.recall1, m.camera.recall1, m.fresh.recall1, m.check.recall1, m.agreement))
        mark = " class=chosen" if one is choice.best else ""
        rows.append(f"<tr{mark}><td>{one.share:.1f}<td>{one.turn:.1f}{figures}</tr>")
    return f"<table>{head}{''.join(rows)}</table>"


def _pictures(exam: Exam, turned: Sequence[Turned]) -> str:
    if not turned:
        return "<p>None: every picture that was found is found, every one that was not is not.</p>"
    gains = sum(one.is_gain for one in turned)
    figures = [_figure(exam, one) for one in turned[:MOST_SHOWN]]
    more = f" The first {MOST_SHOWN} are shown." if len(turned) > MOST_SHOWN else ""
    told = f"<p>{gains} became right, {len(turned) - gains} became wrong.{more} Asked, its answer before, its answer now:</p>"
    return f"{told}<div class=turned>{''.join(figures)}</div>"


def _figure(exam: Exam, one: Turned) -> str:
    asked = exam.asked[one.asked] if one.view < 0 else exam.views[one.view * len(exam.asked) + one.asked]
    images = "".join(_image(picture) for picture in (asked, exam.gallery[one.before], exam.gallery[one.now]))
    names = (exam.asked_labels[one.asked], exam.gallery_labels[one.before], exam.gallery_labels[one.now])
    label, first, second = (html.escape(str(name)) for name in names)
    change = "right now" if one.is_gain else "wrong now"
    return f"<figure>{images}<figcaption><b>{label}</b>, {change}: before {first}, now {second}</figcaption></figure>"


def _image(picture: np.ndarray) -> str:
    small = cv2.resize(picture, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}">'


def _nearest(asked: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    return (l2_normalized(asked) @ l2_normalized(gallery).T).argmax(axis=1)

"""Each hostile request has its one right answer."""

import pytest

from tests.http.barrage.bodies import BODIES
from tests.http.barrage.documents import DOCUMENTS
from tests.http.barrage.heads import HEADS
from tests.http.barrage.methods import METHODS
from tests.http.barrage.shots import Shot, fire
from tests.http.barrage.target import Target
from tests.http.barrage.uploads import UPLOADS


@pytest.mark.parametrize("shot", HEADS, ids=str)
def test_a_head_that_is_too_large_or_ambiguous_is_refused(target: Target, shot: Shot) -> None:
    fire(target, shot)


@pytest.mark.parametrize("shot", BODIES, ids=str)
def test_a_body_that_is_too_large_or_no_request_is_refused(target: Target, shot: Shot) -> None:
    fire(target, shot)


@pytest.mark.parametrize("shot", DOCUMENTS, ids=str)
def test_a_document_that_costs_too_much_or_means_nothing_is_refused(target: Target, shot: Shot) -> None:
    fire(target, shot)


@pytest.mark.parametrize("shot", METHODS, ids=str)
def test_a_method_a_path_or_a_type_that_is_not_served_is_refused(target: Target, shot: Shot) -> None:
    fire(target, shot)


@pytest.mark.parametrize("shot", UPLOADS, ids=str)
def test_an_upload_or_a_name_that_is_no_picture_is_refused(target: Target, shot: Shot) -> None:
    fire(target, shot)

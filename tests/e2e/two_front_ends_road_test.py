"""The road of road_test.py on two machines of one deployment: every step of it through either front end."""

import signal
import unittest

import road_test
import two_front_ends_test
from deployment import Deployment


class Both(Deployment):
    """The first machine's, but what is called is one of two front ends: `turn` says which."""

    def __init__(self, a, b):  # nothing is made: both are there
        self.__dict__.update(a.__dict__)
        self.a, self.b, self.turn = a, b, 0

    def run(self, *command, **keywords):
        chosen = self.chosen().endpoint
        self.environment = dict(self.a.environment, AWS_ENDPOINT_URL=chosen)
        # What aws() was given may be the other's.
        words = [chosen if str(word) in (self.a.endpoint, self.b.endpoint) else word for word in command]
        return super().run(*words, **keywords)

    def processes(self, name):
        return self.a.processes(name) + self.b.processes(name)

    def chosen(self):
        return (self.a, self.b)[self.turn % 2]

    def stop(self, how=signal.SIGTERM):
        return self.chosen().stop(how)

    def start(self):
        self.chosen().start()
        return self


class RoadThroughBoth(road_test.Road):
    """The whole road, its steps alternating between two front ends."""

    FIRST = 0

    @classmethod
    def setUpClass(cls):
        two_front_ends_test.Pair.__dict__["setUpClass"].__func__(cls)
        cls.d = Both(cls.a, cls.b)

    @classmethod
    def tearDownClass(cls):
        two_front_ends_test.Pair.__dict__["tearDownClass"].__func__(cls)

    def setUp(self):
        self.d.turn = self.FIRST + int(self._testMethodName.split("_")[1])


class RoadTheOtherWay(RoadThroughBoth):
    """Each step through the front end that did not take it before: so all of them pass through either."""

    FIRST = 1


def load_tests(loader, standard, pattern):
    """The plain road has a file of its own."""
    suite = unittest.TestSuite()
    for case in (RoadThroughBoth, RoadTheOtherWay):
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


if __name__ == "__main__":
    unittest.main()

# Fails when the shipped HSM has anything of the crash points that tests use; the program that has them shows that they
# would be found.
file(STRINGS ${BINARY} shipped REGEX "crash-at")
file(STRINGS ${WITH_THEM} for_tests REGEX "crash-at")
if(shipped)
  message(FATAL_ERROR "strongroom-hsm has crash points: ${shipped}")
endif()
if(NOT for_tests)
  message(FATAL_ERROR "${WITH_THEM} has no crash points, so nothing is shown")
endif()

# What `cmake --install` puts where: the programs, which find each other beside themselves, in one directory; for programs
# of others libstrongroom-archive, its header and its pkg-config file.
include(GNUInstallDirs)

foreach(program IN ITEMS strongroom strongroomd strongroom-hsm strongroom-hsm-host cloudhsm_mgmt_util configure)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT programs)
  endif()
endforeach()

if(TARGET strongroom_archive_api)
  add_dependencies(programs strongroom_archive_api)
  install(TARGETS strongroom_archive_api
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library NAMELINK_COMPONENT library)
  install(FILES ${CMAKE_SOURCE_DIR}/src/archive_api/archive.hpp
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/strongroom COMPONENT library)
  # Found from where the file itself is, so that `--prefix` may name another place when it is installed.
  set(pc_libdir ${CMAKE_INSTALL_FULL_LIBDIR})
  set(pc_includedir ${CMAKE_INSTALL_FULL_INCLUDEDIR})
  if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" AND NOT IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
    cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX
      BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig" OUTPUT_VARIABLE up)
    set(pc_libdir "\${pcfiledir}/${up}/${CMAKE_INSTALL_LIBDIR}")
    set(pc_includedir "\${pcfiledir}/${up}/${CMAKE_INSTALL_INCLUDEDIR}")
  endif()
  configure_file(${CMAKE_SOURCE_DIR}/src/archive_api/strongroom-archive.pc.in
    ${CMAKE_BINARY_DIR}/strongroom-archive.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/strongroom-archive.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT library)
endif()
